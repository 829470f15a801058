"""An index is built without replicas; before it serves, it gets those that the corpus file wants."""

from __future__ import annotations

import logging

from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import IndexConfig
from sparse_index.errors import BuildError
from sparse_index.timing import Timing

log = logging.getLogger(__name__)

HEALTH_POLL_S = 5.0


def replicate(cluster: Cluster, index: str, wanted: IndexConfig, *, deadline_s: float, timing: Timing) -> str:
    """Set replicas and rebalancing and wait for the shards; gives the health reached: "green", or "yellow" where the
    cluster has too few data nodes for the configured replicas (it can never get green)."""
    settings = {"index.number_of_replicas": wanted.replicas, "index.routing.rebalance.enable": None}
    cluster.put(f"/{index}/_settings", settings)
    started = timing.clock()
    while True:
        health: Json = cluster.get(f"/_cluster/health/{index}")
        if _is_replicated(health, index, wanted):
            return str(health["status"])
        if timing.clock() - started > deadline_s:
            raise BuildError(_not_replicated(health, index, deadline_s))
        timing.sleep(HEALTH_POLL_S)


def _is_replicated(health: Json, index: str, wanted: IndexConfig) -> bool:
    if health["status"] == "green":
        return True
    possible = min(wanted.replicas, int(health["number_of_data_nodes"]) - 1)
    shards = wanted.shards * (1 + possible)
    placed = int(health["active_shards"]) >= shards and int(health["initializing_shards"]) == 0
    if placed:
        log.warning(
            "%s stays yellow: %d replicas need %d data nodes, there are %s.",
            index,
            wanted.replicas,
            wanted.replicas + 1,
            health["number_of_data_nodes"],
        )
    return placed


def _not_replicated(health: Json, index: str, deadline_s: float) -> str:
    return (
        f"{index} is {health['status']} after {deadline_s:.0f} s: {health['active_shards']} shards active, "
        f"{health['initializing_shards']} being copied, {health['unassigned_shards']} unassigned. Ask GET "
        "/_cluster/allocation/explain (disk watermarks?), or lower index.replicas; then run again."
    )
