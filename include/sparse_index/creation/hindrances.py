"""What hinders the cluster from taking a new index: its blocks, its limit of shards, its allocation, what its vectors need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sparse_index.cluster.client import Cluster, Json
from sparse_index.cluster.settings import effective_settings, put_request
from sparse_index.config.corpus import CorpusConfig, IndexConfig
from sparse_index.errors import ConfigError, SparseIndexError, UnavailableError
from sparse_index.vectors.kind import VectorKind
from sparse_index.vectors.kinds import vector_kinds

_BLOCKS = ("cluster.blocks.read_only", "cluster.blocks.read_only_allow_delete", "cluster.blocks.create_index")
_ALLOCATION = "cluster.routing.allocation.enable"
_SHARDS = "cluster.max_shards_per_node"
# An attribute of a node; the local cluster's say "false".
NATIVES = "knn_natives"


def hindrances(cluster: Cluster, config: CorpusConfig) -> list[SparseIndexError]:
    """Why no candidate of this corpus can be made now, or none can get its replicas; not raised. Most of it passes: a block and
    an allocation are set for a while, shards and memory are used by other runs, too."""
    settings = effective_settings(cluster, "cluster")
    health: Json = cluster.get("/_cluster/health/*", expand_wildcards="open,hidden", level="cluster")
    index, kinds = config.index, vector_kinds(config)
    passing = [*_blocked(settings), *_not_allocated(settings, index), *_too_many(settings, health, index)]
    passing += _stopped(cluster, kinds)
    return [*map(UnavailableError, passing), *map(ConfigError, _without_natives(cluster, kinds))]


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


def _stopped(cluster: Cluster, kinds: Mapping[str, VectorKind]) -> Iterator[str]:
    """By what says that the nodes' memory is used up."""
    for name, kind in kinds.items():
        section = kind.stopped_by.partition(".")[0] if kind.stopped_by else ""
        if section and effective_settings(cluster, section).get(str(kind.stopped_by)) == "true":
            yield (
                f"{kind.stopped_by} is true: the cluster refuses every document with a vector in '{name}' until its nodes have "
                "memory again. Look at GET /_plugins/_knn/stats, and free memory or add a node"
            )


def _without_natives(cluster: Cluster, kinds: Mapping[str, VectorKind]) -> Iterator[str]:
    needing = {f"vectors.{name}": kind for name, kind in kinds.items() if kind.needs_natives}
    if not needing:
        return
    fields = ", ".join(needing)
    if not cluster.knn_natives and not all(kind.has_natives for kind in needing.values()):
        yield (
            f"{fields}: engine is faiss, which ends a node that lacks the k-NN plugin's native libraries, and it cannot start "
            "again. Leave engine out (lucene needs none), or say `knn_natives: true`, in the field or in the extra of the "
            "connection, if every data node has them"
        )
        return
    nodes: Json = cluster.get("/_nodes/os", filter_path="nodes.*.name,nodes.*.attributes").get("nodes", {})
    without = [str(node["name"]) for node in nodes.values() if node.get("attributes", {}).get(NATIVES) == "false"]
    if without:
        yield (
            f"{fields}: engine is faiss, and {', '.join(without)} has not the k-NN plugin's native libraries (node attribute "
            f"{NATIVES}): its first refresh would end the node, which could not start again. Leave engine out: lucene needs none"
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
