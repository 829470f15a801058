"""Why shards of an index have no node, and whether waiting can give them one."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from sparse_index.cluster.client import Cluster, Json
from sparse_index.errors import SparseIndexError

# What goes by the rules of the cluster and the index; all else goes by disk, load and what is under way, which pass.
_RULES = frozenset({"same_shard", "awareness", "filter", "shards_limit"})
_DISKS = frozenset({"disk_threshold"})


def why_unallocated(cluster: Cluster, index: str) -> str:
    """The cluster's own reasons for every shard that misses a copy, in its words; says so when it may not be asked."""
    try:
        answers = list(_explanations(cluster, index))
    except SparseIndexError as error:
        return f"no explanation ({error.message})"
    refusals = (refusal for answer in answers for node in _nodes(answer) for refusal in _refusals(node).items())
    reasons = [f"{decider}: {explanation}" for decider, explanation in refusals]
    infos = [orjson.dumps(answer.get("unassigned_info", {})).decode() for answer in answers]
    return "; ".join(dict.fromkeys(reasons or infos)) or "every shard has its copies by now"


def forbidden_copies(cluster: Cluster, index: str) -> str | None:
    """Why no node may hold any of the copies that are missing, however long one waits; None where one may get a node later,
    and where the cluster may not be asked."""
    return _refused_by(cluster, index, _RULES)


def full_disks(cluster: Cluster, index: str) -> str | None:
    """Why no node takes any of the missing copies before somebody makes room; None as for `forbidden_copies`, which also says
    what no room would help."""
    return _refused_by(cluster, index, _RULES | _DISKS)


def _refused_by(cluster: Cluster, index: str, deciders: frozenset[str]) -> str | None:
    """What these deciders say, where at least one of them keeps every missing copy from every node."""
    try:
        answers = list(_explanations(cluster, index))
    except SparseIndexError:
        return None
    shards = [[_refusals(node) for node in _nodes(answer)] for answer in answers]
    if not shards or not all(nodes and all(deciders & refusals.keys() for refusals in nodes) for nodes in shards):
        return None
    said = {decider: text for nodes in shards for refusals in nodes for decider, text in refusals.items()}
    # A node that has the shard refuses a second copy everywhere; that alone says only that there are too few nodes.
    named = sorted(deciders & said.keys() - {"same_shard"}) or ["same_shard"]
    return "; ".join(f"{decider}: {said[decider]}" for decider in named)


def _explanations(cluster: Cluster, index: str) -> Iterator[Json]:
    """One for each shard that misses its primary, or else a replica."""
    health = cluster.get(f"/_cluster/health/{index}", level="shards")
    for number, shard in health["indices"][index]["shards"].items():
        if shard["unassigned_shards"]:
            asked = {"index": index, "shard": int(number), "primary": not shard["primary_active"]}
            yield cluster.get("/_cluster/allocation/explain", asked)


def _nodes(explanation: Json) -> list[Json]:
    return list(explanation.get("node_allocation_decisions", []))


def _refusals(node: Json) -> dict[str, str]:
    """Decider -> its explanation, of each that keeps the shard from this node."""
    no = (decider for decider in node.get("deciders", []) if decider.get("decision") == "NO")
    return {str(decider.get("decider")): str(decider.get("explanation")) for decider in no}
