"""The alias switch: one atomic request that only succeeds when everything is where it was seen.

With the alias go its filter, routing and whatever else points to the former index: there is no instant in which the alias
is on the new index without its filter. What is set on the former index for searching goes along before (`serve_like`).
"""

from __future__ import annotations

from collections.abc import Mapping

from sparse_index.builds.plan import BuildKind, Plan
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig, IndexConfig
from sparse_index.errors import BuildError, OverloadedError, SparseIndexError
from sparse_index.live.alias import AliasState, observe_alias
from sparse_index.live.attached import (
    misfits,
    moved_aliases,
    observe_attached,
    serving_changes,
    usable_settings,
    with_pipeline,
)
from sparse_index.live.reading import documents_in
from sparse_index.names import write_alias

# How often a person may change what points to the live index between our look and our request.
ATTEMPTS = 5


def sealed_count(cluster: Cluster, index: str) -> int:
    """Block writes to `index`, then count its documents: nothing can come after the count."""
    cluster.put(f"/{index}/_settings", {"index.blocks.write": True})
    cluster.post(f"/{index}/_refresh")
    return documents_in(cluster, index)


def serve_like_live(cluster: Cluster, plan: Plan) -> None:
    """`serve_like` for a build's candidate."""
    clone, name = plan.kind is BuildKind.DELTA, plan.search_pipeline
    if name is not None and cluster.find(f"/_search/pipeline/{name}") is None:
        raise BuildError(
            f"The search pipeline {name}, which {plan.candidate} is to name, is gone: every search would fail. Let the serving "
            "DAG run, then trigger a new run; it reuses the vectors."
        )
    serve_like(cluster, plan.candidate, plan.live_index, plan.config, pipeline=name, alike=clone)


def serve_like(
    cluster: Cluster, index: str, live: str | None, config: CorpusConfig, *, pipeline: str | None, alike: bool
) -> None:
    """Take over what a person set on the live index for searching, logging and recovery; the corpus file wins. `pipeline`: of
    ours, that searches of `index` need; one that somebody else set on the live index comes along instead.

    `alike`: see `serving_changes`."""
    there = observe_attached(cluster, index).settings
    source = {} if live is None else usable_settings(cluster, observe_attached(cluster, live))
    changes = serving_changes(config.index, with_pipeline(source, config.alias, pipeline), there, alike=alike)
    if changes:
        cluster.put(f"/{index}/_settings", changes)


def switch_alias(
    cluster: Cluster, alias: str, *, former: str | None, to: str, owned: IndexConfig | None = None
) -> None:
    """Move `alias`, and all else that points to `former` (None: there is no index yet), to `to`.

    `owned`: what the corpus file says about the alias. Success is the alias on `to` alone, whatever the request's answer
    was: an answer may get lost. `BuildError` when somebody else moved it, or when a filter or routing cannot be right there.
    """
    properties = {} if owned is None else owned.alias.properties()
    former_shape = observe_attached(cluster, former).shape if former is not None else None
    to_shape = observe_attached(cluster, to).shape
    for attempt in range(1, ATTEMPTS + 1):
        # As late as can be: what changes between this look and the request is refused with it, but for the inside of a filter.
        seen = observe_alias(cluster, alias)
        if seen.index == to:
            return
        if seen.index != former or len(seen.members) > 1:
            raise _lost(seen, "somebody else moved it first")
        moved = moved_aliases(seen, properties)
        problems = misfits(seen.aliases, moved, former_shape, to_shape)
        if problems:
            raise BuildError(f"'{alias}' cannot move to {to}: {'; '.join(problems)}. Nothing was changed.")
        if _moved(cluster, seen, to, moved, last=attempt == ATTEMPTS):
            return


def _moved(cluster: Cluster, seen: AliasState, to: str, moved: Mapping[str, Json], *, last: bool) -> bool:
    """False: what points to the live index changed at that moment, and nothing was moved."""
    try:
        # After a refusal only: after a lost answer the second request would find the alias moved, by ourselves.
        cluster.post("/_aliases", {"actions": switch_actions(seen.index, to, moved)}, retry=OverloadedError)
    except SparseIndexError as error:
        now = observe_alias(cluster, seen.alias)
        if now.index not in (to, seen.index):
            raise _lost(now, error.message, error) from error
        if now.index != to:
            if last or now == seen:
                raise
            return False
    _require_moved(observe_alias(cluster, seen.alias), to, moved)
    return True


def switch_actions(former: str | None, to: str, aliases: Mapping[str, Json]) -> list[Json]:
    """The one request: off the former index (they must be there), on to the other with their properties, writes off."""
    leave = [{"remove": {"index": former, "alias": name, "must_exist": True}} for name in aliases if former is not None]
    join = [{"add": {"index": to, "alias": name, **properties}} for name, properties in aliases.items()]
    close = {"remove": {"index": to, "alias": write_alias(to), "must_exist": False}}
    return [*leave, *join, close]


def _require_moved(after: AliasState, to: str, moved: Mapping[str, Json]) -> None:
    if after.members != (to,):
        raise BuildError(
            f"After the switch alias '{after.alias}' is on {', '.join(after.members) or 'no index'} instead of "
            f"{to} alone: somebody else changes it too. Correct it with POST /_aliases."
        )
    changed = [name for name, properties in moved.items() if after.aliases.get(name) != properties]
    if changed:
        raise BuildError(
            f"'{after.alias}' is on {to} now, but alias(es) {', '.join(changed)} are not as they were on the former index: "
            f"somebody changes them at this moment. Look at GET /{to}/_alias."
        )


def _lost(now: AliasState, why: str, error: SparseIndexError | None = None) -> BuildError:
    return BuildError(
        f"Lost race: during the switch alias '{now.alias}' moved to {', '.join(now.members) or 'no index'} "
        f"({why}). Nothing was changed by this run. Trigger a new one.",
        error.status if error else None,
        error.reason if error else "",
    )
