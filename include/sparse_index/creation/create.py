"""A new, empty index exactly as its creator says it, whatever the cluster's templates say; tried out before it is needed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from sparse_index.cluster.allocation import why_unallocated
from sparse_index.cluster.client import Cluster, Json
from sparse_index.creation.neutral import NEUTRAL_MAPPING, lost_mapping, lost_settings, neutral_settings
from sparse_index.creation.templates import observe_templates
from sparse_index.errors import BuildError, OverloadedError, SparseIndexError, TerminalError, UnavailableError
from sparse_index.live.generations import is_being_copied
from sparse_index.names import write_alias

log = logging.getLogger(__name__)

_ALLOCATION_TIMEOUT_S = 30
_TRIAL_TIMEOUT_S = 10
_ALLOCATION_RULES = tuple(
    f"index.routing.allocation.{name}" for name in ("require.", "include.", "exclude.", "total_shards_per_node")
)
# The cluster's words -> the way out.
_WAYS_OUT = {
    "creates data streams only": "Narrow the index patterns of that template.",
    "unknown value for [index.codec]": "Correct `index.codec`, or install what brings that codec (opensearch-custom-codecs).",
    "maximum shards": "Delete indices, add a data node, or raise cluster.max_shards_per_node.",
}
_OWNERS_SHAPE = (
    "Correct index.fields and index.analysis where they name it; `plan` tells without a build whether they fit."
)


def create_index(
    cluster: Cluster, index: str, alias: str, body: Json, *, timeout_s: int = _ALLOCATION_TIMEOUT_S
) -> list[str]:
    """Create `index`, a candidate of `alias`, as `body` says; gives notes about what it does not take from templates.
    Idempotent: one that is there already is checked.

    `BuildError` when the cluster refuses it, finds no node for it, or a template changes it; then there is none.
    """
    templates = observe_templates(cluster, index)
    problems = list(templates.problems(alias))
    if problems:
        raise BuildError(" ".join(problems))
    asked = body | {
        "settings": neutral_settings(templates.settings) | body["settings"],
        "mappings": NEUTRAL_MAPPING | body["mappings"],
    }
    answer = _put(cluster, index, asked, timeout_s)
    try:
        _require_allocated(cluster, index, answer, timeout_s)
        _require_as_asked(cluster, index, alias, asked)
    except BuildError:
        cluster.remove(f"/{index}")
        raise
    return list(templates.notes())


def try_out(cluster: Cluster, index: str, alias: str, body: Json) -> list[str]:
    """`create_index`, one write, and delete it again: whatever would refuse the candidate refuses this one."""
    notes: list[str] = []
    try:
        notes += create_index(cluster, index, alias, body, timeout_s=_TRIAL_TIMEOUT_S)
        # A permission that only shards ask for is missed here first.
        cluster.put(f"/{write_alias(index)}/_doc/none", {}, require_alias="true")
    finally:
        notes += removed(cluster, index)
    return notes


def removed(cluster: Cluster, index: str) -> Iterator[str]:
    """A note when it cannot be deleted yet."""
    try:
        cluster.remove(f"/{index}")
    except UnavailableError as error:
        if not is_being_copied(error):
            raise
        yield f"{index}, a trial, stays for now: a snapshot copies it. The next build removes it"


def allocation_rules(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of an index's settings that say on which nodes it may be. Its clone has them too."""
    return {name: value for name, value in settings.items() if name.startswith(_ALLOCATION_RULES)}


def _put(cluster: Cluster, index: str, body: Json, timeout_s: int) -> Json:
    try:
        params = {"timeout": f"{timeout_s}s"}
        answer: Json = cluster.request("PUT", f"/{index}", body, params=params, timeout_s=timeout_s + 30)
    except TerminalError as error:
        # A first answer got lost and the client asked again, or an earlier task died: it is ours, the name holds our build id.
        if error.status == 400 and "resource_already_exists" in error.reason:
            return {}
        if error.status != 400:
            raise
        way_out = next((advice for words, advice in _WAYS_OUT.items() if words in error.reason), _OWNERS_SHAPE)
        raise BuildError(
            f"The cluster refuses an index like {index}: {error.reason}. {way_out}", 400, error.reason
        ) from error
    return answer


def _require_allocated(cluster: Cluster, index: str, answer: Json, timeout_s: int) -> None:
    acknowledged = answer["shards_acknowledged"] if answer else _is_allocated(cluster, index, timeout_s)
    if not acknowledged:
        raise BuildError(
            f"The shards of {index} found no node within {timeout_s} s: {why_unallocated(cluster, index)}; it was deleted "
            "again. Free disk, or change the allocation rules of the cluster, its index templates or the live index."
        )


def _is_allocated(cluster: Cluster, index: str, timeout_s: int) -> bool:
    """Of an index that an earlier request made: whether every primary has a node, after so long at the most."""
    params = {"wait_for_status": "yellow", "timeout": f"{timeout_s}s"}
    try:
        cluster.request(
            "GET", f"/_cluster/health/{index}", params=params, timeout_s=timeout_s + 30, retry=OverloadedError
        )
    except SparseIndexError as error:
        if error.status != 408:
            raise
        return False
    return True


def _require_as_asked(cluster: Cluster, index: str, alias: str, asked: Json) -> None:
    there: Json = cluster.get(f"/{index}", flat_settings="true")[index]
    foreign = sorted(set(there["aliases"]) - set(asked["aliases"]))
    if alias in foreign:
        raise BuildError(f"Something put the empty {index} behind '{alias}'; it was deleted at once.")
    differences = lost_settings(asked["settings"], there["settings"]) + lost_mapping(
        asked["mappings"], there["mappings"]
    )
    if differences:
        raise BuildError(
            f"{index} is not as it was asked for: {'; '.join(differences)}. An index template changes it (POST "
            f"/_index_template/_simulate_index/{index}): narrow its index patterns. The index was deleted again."
        )
    if foreign:
        log.warning("%s was taken out of %s, where an index template had put it.", index, ", ".join(foreign))
        actions = [{"remove": {"index": index, "alias": name}} for name in foreign]
        cluster.post("/_aliases", {"actions": actions})
