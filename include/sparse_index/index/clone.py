"""A delta build's candidate: a clone of the live index (hard links), which then takes the difference.

Each line of the recipe answers a trap that was met on a real server:
the source must be write-blocked, and the clone inherits every block; it inherits replicas, refresh, search pipeline
and even `_meta`; a clone without room answers 200 with `shards_acknowledged: false`; the balancer moves a clone's
primary to another node, which copies it whole.
"""

from __future__ import annotations

from typing import Any

from sparse_index.builds.plan import Plan
from sparse_index.cluster.allocation import why_unallocated
from sparse_index.cluster.client import Cluster, Json
from sparse_index.creation.mapping import building_settings, room_for
from sparse_index.creation.neutral import neutral_settings
from sparse_index.errors import BuildError, OverloadedError
from sparse_index.live.meta import meta_of, read_meta, write_meta

_CLONE_TIMEOUT_S = 120


def clone_live(cluster: Cluster, plan: Plan) -> None:
    """Clone `plan.live_index` to `plan.candidate` and give it its own `_meta`."""
    if plan.live_index is None:
        raise BuildError(f"Build {plan.build_id} is a delta build, but alias '{plan.alias}' has no live index.")
    former = read_meta(cluster, plan.live_index)
    if former is None:
        raise BuildError(f"Live index {plan.live_index} is gone or has no _meta of ours; run with mode full.")
    cluster.put(f"/{plan.live_index}/_settings", {"index.blocks.write": True})
    answer = _clone(cluster, plan)
    if not answer.get("shards_acknowledged", False):
        _give_up(cluster, plan)
    write_meta(cluster, plan.candidate, meta_of(plan).model_copy(update={"delta_builds": former.delta_builds + 1}))


def _clone(cluster: Cluster, plan: Plan) -> Json:
    settings: dict[str, Any] = (
        neutral_settings() | building_settings(plan.config) | room_for(plan.config, plan.mapping or {})
    )
    settings["index.routing.rebalance.enable"] = "none"
    answer: Json = cluster.request(
        "PUT",
        f"/{plan.live_index}/_clone/{plan.candidate}",
        {"settings": settings, "aliases": {plan.write_alias: {}}},
        params={"wait_for_active_shards": 1, "timeout": f"{_CLONE_TIMEOUT_S}s"},
        timeout_s=_CLONE_TIMEOUT_S + 30,
        # Not repeated once it may be under way: the second request would be told "already exists", and the first one's answer
        # is what counts. A rerun finds a clone without its own `_meta` and makes it anew.
        retry=OverloadedError,
    )
    return answer


def _give_up(cluster: Cluster, plan: Plan) -> None:
    why = why_unallocated(cluster, plan.candidate)
    cluster.remove(f"/{plan.candidate}")
    raise BuildError(
        f"The clone {plan.candidate} of {plan.live_index} was not allocated within {_CLONE_TIMEOUT_S} s and was deleted: "
        f"{why}. A clone needs room for a full copy on the node with the source's primary; free disk, or run with mode full."
    )
