"""From a fast-built index to one that serves: replicas, refresh and rebalancing as configured, shards in place."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sparse_index.builds.plan import BuildKind, Plan
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import IndexConfig
from sparse_index.errors import BuildError
from sparse_index.live.attached import observe_attached, serving_changes, usable_settings

log = logging.getLogger(__name__)

HEALTH_POLL_S = 5.0


def settle_candidate(
    cluster: Cluster,
    plan: Plan,
    *,
    deadline_s: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> str:
    """`settle_index` for a build's candidate, which is to serve as the live index does."""
    index, wanted = plan.candidate, plan.config.index
    serve_like_live(cluster, plan)
    return settle_index(cluster, index, wanted, deadline_s=deadline_s, clock=clock, sleep=sleep)


def serve_like_live(cluster: Cluster, plan: Plan) -> None:
    """`serve_like` for a build's candidate."""
    clone = plan.kind is BuildKind.DELTA
    serve_like(cluster, plan.candidate, plan.live_index, plan.config.index, alike=clone)


def settle_index(
    cluster: Cluster,
    index: str,
    wanted: IndexConfig,
    *,
    deadline_s: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> str:
    """Set replicas and rebalancing and wait for the shards; gives the health reached: "green", or "yellow" where the
    cluster has too few data nodes for the configured replicas (it can never get green)."""
    settings = {"index.number_of_replicas": wanted.replicas, "index.routing.rebalance.enable": None}
    cluster.put(f"/{index}/_settings", settings)
    started = clock()
    while True:
        health: Json = cluster.get(f"/_cluster/health/{index}")
        if _is_settled(health, index, wanted):
            return str(health["status"])
        if clock() - started > deadline_s:
            raise BuildError(_not_settled(health, index, deadline_s))
        sleep(HEALTH_POLL_S)


def serve_like(cluster: Cluster, index: str, live: str | None, wanted: IndexConfig, *, alike: bool) -> None:
    """Take over what a person set on the live index for searching, logging and recovery; the corpus file wins.

    `alike`: see `serving_changes`."""
    there = observe_attached(cluster, index).settings
    source = {} if live is None else usable_settings(cluster, observe_attached(cluster, live))
    changes = serving_changes(wanted, source, there, alike=alike)
    if changes:
        cluster.put(f"/{index}/_settings", changes)


def _is_settled(health: Json, index: str, wanted: IndexConfig) -> bool:
    if health["status"] == "green":
        return True
    possible = min(wanted.replicas, int(health["number_of_data_nodes"]) - 1)
    shards = wanted.shards * (1 + possible)
    settled = int(health["active_shards"]) >= shards and int(health["initializing_shards"]) == 0
    if settled:
        log.warning(
            "%s stays yellow: %d replicas need %d data nodes, there are %s.",
            index,
            wanted.replicas,
            wanted.replicas + 1,
            health["number_of_data_nodes"],
        )
    return settled


def _not_settled(health: Json, index: str, deadline_s: float) -> str:
    return (
        f"{index} is {health['status']} after {deadline_s:.0f} s: {health['active_shards']} shards active, "
        f"{health['initializing_shards']} being copied, {health['unassigned_shards']} unassigned. Ask GET "
        "/_cluster/allocation/explain (disk watermarks?), or lower index.replicas; then run again."
    )
