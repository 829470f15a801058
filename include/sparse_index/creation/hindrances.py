"""What hinders the cluster from taking a new index: its blocks, its limit of shards, its allocation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sparse_index.cluster.client import Cluster, Json
from sparse_index.cluster.settings import effective_settings, put_request
from sparse_index.config.corpus import CorpusConfig, IndexConfig

_BLOCKS = ("cluster.blocks.read_only", "cluster.blocks.read_only_allow_delete", "cluster.blocks.create_index")
_ALLOCATION = "cluster.routing.allocation.enable"
_SHARDS = "cluster.max_shards_per_node"


def hindrances(cluster: Cluster, config: CorpusConfig) -> list[str]:
    """Why no candidate of this corpus can be made now, or none can get its replicas; in words."""
    settings = effective_settings(cluster, "cluster")
    health: Json = cluster.get("/_cluster/health/*", expand_wildcards="open,hidden", level="cluster")
    return [*_blocked(settings), *_not_allocated(settings, config.index), *_too_many(settings, health, config.index)]


def _blocked(settings: Mapping[str, str]) -> Iterator[str]:
    for name in _BLOCKS:
        if settings.get(name) == "true":
            lift = put_request({name: None})
            yield f"{name} is true: the cluster makes no new index. An administrator lifts it: {lift}"


def _not_allocated(settings: Mapping[str, str], index: IndexConfig) -> Iterator[str]:
    allowed = settings.get(_ALLOCATION, "all")
    if allowed == "none" or (allowed != "all" and index.replicas):
        yield (
            f"{_ALLOCATION} is {allowed}: the shards of a candidate would never be placed. It is set for a restart of nodes; "
            f"afterwards: {put_request({_ALLOCATION: None})}"
        )


def _too_many(settings: Mapping[str, str], health: Json, index: IndexConfig) -> Iterator[str]:
    """The cluster counts the replicas too that found no node."""
    needed, nodes = index.shards * (1 + index.replicas), int(health["number_of_data_nodes"])
    each = int(settings.get(_SHARDS, "1000"))
    there = sum(int(health[f"{state}_shards"]) for state in ("active", "initializing", "unassigned"))
    if there + needed > each * nodes:
        yield (
            f"A candidate has {needed} shards with its replicas, and the cluster has {there} of the {each * nodes} that it may "
            f"have ({_SHARDS} is {each}, data nodes: {nodes}). Delete indices, add a node, or raise it: "
            f"{put_request({_SHARDS: each + needed})}"
        )
