"""An index is built without replicas; before it serves, it gets those that the corpus file wants."""

from __future__ import annotations

import logging

from sparse_index.cluster.allocation import forbidden_copies, full_disks, why_unallocated
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import IndexConfig
from sparse_index.errors import BuildError
from sparse_index.live.attached import observe_attached
from sparse_index.timing import Timing

log = logging.getLogger(__name__)

HEALTH_POLL_S = 5.0


def replicate(
    cluster: Cluster,
    index: str,
    wanted: IndexConfig,
    *,
    deadline_s: float,
    timing: Timing,
    waits_for_room: bool = True,
) -> str:
    """Set replicas and rebalancing and wait for the shards; gives the health reached: "green", or "yellow" where replicas
    miss that no node may hold as the cluster stands: too few data nodes, or rules such as a zone that has none. Waiting
    would not help, the live index misses them too, and the cluster places them itself once it can.

    `BuildError` at the deadline; where nobody `waits_for_room`, as soon as full disks are what keeps them away."""
    ask_for_replicas(cluster, index, wanted)
    started = timing.clock()
    while True:
        health: Json = cluster.get(f"/_cluster/health/{index}")
        if health["status"] == "green":
            if not _were_taken_away(cluster, index, wanted):
                return "green"
            ask_for_replicas(cluster, index, wanted)
        why = _why_for_good(cluster, health, index, wanted)
        if why:
            log.warning("%s stays yellow: %s.", index, why)
            return "yellow"
        waited_s = timing.clock() - started
        if waited_s > deadline_s or not (waits_for_room or _has_room(cluster, health, index)):
            raise BuildError(_not_replicated(cluster, health, index, waited_s))
        timing.sleep(HEALTH_POLL_S)


def ask_for_replicas(cluster: Cluster, index: str, wanted: IndexConfig) -> None:
    """Their number is the corpus file's, so no range that somebody set changes it."""
    settings = {
        "number_of_replicas": wanted.replicas,
        "auto_expand_replicas": "false",
        "routing.rebalance.enable": None,
    }
    cluster.put(f"/{index}/_settings", {f"index.{name}": value for name, value in settings.items()})


def _were_taken_away(cluster: Cluster, index: str, wanted: IndexConfig) -> bool:
    """An index without replicas is green, too: whoever takes it for a generation that is only kept spares it them."""
    found = int(observe_attached(cluster, index).settings["index.number_of_replicas"])
    if found != wanted.replicas:
        log.warning("%s was to have %d replicas, and somebody set %d meanwhile.", index, wanted.replicas, found)
    return found != wanted.replicas


def _why_for_good(cluster: Cluster, health: Json, index: str, wanted: IndexConfig) -> str | None:
    """Why what is still missing cannot come; None while shards are on their way, or may be later."""
    if not _stands_still(health):
        return None
    nodes = int(health["number_of_data_nodes"])
    if wanted.replicas >= nodes and int(health["active_shards"]) >= wanted.shards * nodes:
        return f"{wanted.replicas} replicas need {wanted.replicas + 1} data nodes, there are {nodes}"
    return forbidden_copies(cluster, index)


def _has_room(cluster: Cluster, health: Json, index: str) -> bool:
    return not _stands_still(health) or full_disks(cluster, index) is None


def _stands_still(health: Json) -> bool:
    return health["status"] == "yellow" and not int(health["initializing_shards"])


def _not_replicated(cluster: Cluster, health: Json, index: str, waited_s: float) -> str:
    return (
        f"{index} is {health['status']} after {waited_s:.0f} s: {health['active_shards']} shards active, "
        f"{health['initializing_shards']} being copied, {health['unassigned_shards']} unassigned "
        f"({why_unallocated(cluster, index)}). Make room for them, or lower index.replicas; then run again."
    )
