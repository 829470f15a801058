"""The alias switch: one atomic request that only succeeds when the alias is where its caller saw it."""

from __future__ import annotations

from sparse_index.cluster import Cluster, Json
from sparse_index.errors import BuildError, SparseIndexError
from sparse_index.index.alias import observe_alias
from sparse_index.names import write_alias


def sealed_count(cluster: Cluster, index: str) -> int:
    """Block writes to `index`, then count its documents: nothing can come after the count."""
    cluster.put(f"/{index}/_settings", {"index.blocks.write": True})
    cluster.post(f"/{index}/_refresh")
    return int(cluster.get(f"/{index}/_count")["count"])


def switch_alias(cluster: Cluster, alias: str, *, former: str | None, to: str) -> None:
    """Move `alias` from `former` (None: it has no index yet) to `to`; `BuildError` when somebody else moved it.

    Success is the alias on `to` alone, whatever the request's answer was: an answer may get lost.
    """
    try:
        # Not repeated: after a lost answer the second request would find the alias moved, by ourselves.
        cluster.post("/_aliases", {"actions": switch_actions(alias, former, to)}, retry=False)
    except SparseIndexError as error:
        if observe_alias(cluster, alias).index == to:
            return
        raise _lost(cluster, alias, former, error) from error
    after = observe_alias(cluster, alias)
    if after.members != (to,):
        raise BuildError(
            f"After the switch alias '{alias}' is on {', '.join(after.members) or 'no index'} instead of "
            f"{to} alone: somebody else changes it too. Correct it with POST /_aliases."
        )


def switch_actions(alias: str, former: str | None, to: str) -> list[Json]:
    """The one request: off the former index (it must be there), on to the other, writes off.

    `is_write_index` matters: with a plain add two first promotions both succeed.
    """
    add = {"add": {"index": to, "alias": alias, "is_write_index": True}}
    close = {"remove": {"index": to, "alias": write_alias(to), "must_exist": False}}
    if former is None:
        return [add, close]
    return [{"remove": {"index": former, "alias": alias, "must_exist": True}}, add, close]


def _lost(cluster: Cluster, alias: str, former: str | None, error: SparseIndexError) -> SparseIndexError:
    state = observe_alias(cluster, alias)
    if state.index == former:
        return error
    return BuildError(
        f"Lost race: during the switch alias '{alias}' moved to {', '.join(state.members) or 'no index'} "
        f"({error.message}). Nothing was changed by this run. Trigger a new one.",
        error.status,
        error.reason,
    )
