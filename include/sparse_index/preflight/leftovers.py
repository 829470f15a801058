"""What runs that died have left in the cluster: found by our marks, removed when their run is proven dead."""

from __future__ import annotations

from collections.abc import Sequence

from sparse_index.builds.state import BuildState, GoesOn, state_in_store
from sparse_index.cluster.client import Cluster
from sparse_index.errors import SparseIndexError
from sparse_index.live.generations import own_indices, remove_candidate
from sparse_index.ml.groups import marked_groups
from sparse_index.ml.verbs import remove_group
from sparse_index.names import parse_group
from sparse_index.preflight.findings import Findings
from sparse_index.store.files import Store
from sparse_index.timing import Timing


def sweep(
    findings: Findings,
    cluster: Cluster,
    store: Store,
    alias: str,
    goes_on: GoesOn | None,
    timing: Timing,
    *,
    removes: bool = True,
    marked: Sequence[str] | None = None,
) -> list[str]:
    """Remove the models and candidates of dead builds; gives what was removed. What stays although no living run needs it,
    as far as anybody knows, is named in `findings.left`.

    `goes_on`: what a scheduler knows of a build; None where there is none to ask. `removes` False: all is only named. Of
    the candidates that never went live the newest stays for inspection. `marked`: groups of this alias and of others, for who
    has asked for those of many at once.
    """
    found = marked_groups(cluster, alias) if marked is None else marked
    owners = {group: owner for group in found if (owner := parse_group(group))}
    groups = {group: owner.build_id for group, owner in owners.items() if owner.alias == alias}
    never_live = [index for index in own_indices(cluster, alias) if index.is_failed_candidate]
    candidates = {index.name: index.meta.build_id for index in never_live[1:]}

    def is_dead(name: str, build: str) -> bool:
        state = state_in_store(store, alias, build, goes_on, timing.now())
        if state is BuildState.UNKNOWN:
            findings.leave(name, f"nobody knows the run of build {build}, so it may be alive, and stays")
        elif state is BuildState.ENDED and not removes:
            findings.leave(name, f"build {build} has ended; the next run removes it")
        return state is BuildState.ENDED and removes

    swept = [
        group
        for group, build in groups.items()
        if is_dead(group, build) and _remove_models(findings, cluster, group, timing)
    ]
    dead = [index for index, build in candidates.items() if is_dead(index, build)]
    return swept + [index for index in dead if _remove_candidate(findings, cluster, alias, index)]


def _remove_candidate(findings: Findings, cluster: Cluster, alias: str, index: str) -> bool:
    try:
        return remove_candidate(cluster, alias, index)
    except SparseIndexError as error:
        # No build needs it gone.
        findings.warning(f"{index} of a dead run is still there: {error.message}")
        return False


def _remove_models(findings: Findings, cluster: Cluster, group: str, timing: Timing) -> bool:
    try:
        kept = remove_group(cluster, group, timing).kept
    except SparseIndexError as error:
        # Whether there is room beside them is asked later.
        kept = (error.message.removesuffix("."),)
    for reason in kept:
        findings.leave(group, reason)
    return not kept
