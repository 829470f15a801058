"""An index is built without replicas; before it serves, it gets those that the corpus file wants."""

from __future__ import annotations

import logging

from sparse_index.cluster.allocation import forbidden_copies, why_unallocated
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import IndexConfig
from sparse_index.errors import BuildError
from sparse_index.timing import Timing

log = logging.getLogger(__name__)

HEALTH_POLL_S = 5.0


def replicate(cluster: Cluster, index: str, wanted: IndexConfig, *, deadline_s: float, timing: Timing) -> str:
    """Set replicas and rebalancing and wait for the shards; gives the health reached: "green", or "yellow" where replicas
    miss that no node may hold as the cluster stands: too few data nodes, or rules such as a zone that has none. Waiting
    would not help, the live index misses them too, and the cluster places them itself once it can."""
    settings = {"index.number_of_replicas": wanted.replicas, "index.routing.rebalance.enable": None}
    cluster.put(f"/{index}/_settings", settings)
    started = timing.clock()
    while True:
        health: Json = cluster.get(f"/_cluster/health/{index}")
        if health["status"] == "green":
            return "green"
        why = _why_for_good(cluster, health, index, wanted)
        if why:
            log.warning("%s stays yellow: %s.", index, why)
            return "yellow"
        if timing.clock() - started > deadline_s:
            raise BuildError(_not_replicated(cluster, health, index, deadline_s))
        timing.sleep(HEALTH_POLL_S)


def _why_for_good(cluster: Cluster, health: Json, index: str, wanted: IndexConfig) -> str | None:
    """Why what is still missing cannot come; None while shards are on their way, or may be later."""
    if health["status"] != "yellow" or int(health["initializing_shards"]):
        return None
    nodes = int(health["number_of_data_nodes"])
    if wanted.replicas >= nodes and int(health["active_shards"]) >= wanted.shards * nodes:
        return f"{wanted.replicas} replicas need {wanted.replicas + 1} data nodes, there are {nodes}"
    return forbidden_copies(cluster, index)


def _not_replicated(cluster: Cluster, health: Json, index: str, deadline_s: float) -> str:
    return (
        f"{index} is {health['status']} after {deadline_s:.0f} s: {health['active_shards']} shards active, "
        f"{health['initializing_shards']} being copied, {health['unassigned_shards']} unassigned "
        f"({why_unallocated(cluster, index)}). Make room for them, or lower index.replicas; then run again."
    )
