"""How many processor cores the nodes have that run models."""

from __future__ import annotations

from collections.abc import Sequence

from sparse_index.cluster.client import Cluster, Json
from sparse_index.errors import SparseIndexError

_PREDICTS = "opensearch_ml_predict"


def ml_cores(cluster: Cluster, node_ids: Sequence[str] = ()) -> int:
    """Cores of the given nodes; without any: of the ML nodes, or of all nodes where there is no ML node."""
    which = ",".join(node_ids) if node_ids else "_all"
    answer = cluster.get(f"/_nodes/{which}/os", filter_path="nodes.*.roles,nodes.*.os.allocated_processors")
    nodes: list[Json] = list(answer.get("nodes", {}).values())
    chosen = [node for node in nodes if "ml" in node.get("roles", [])] or nodes
    return max(1, sum(int(node["os"]["allocated_processors"]) for node in chosen))


def idle_ml_cores(cluster: Cluster) -> int:
    """How many requests to a model can run at once beside those that run now; 1 at least, and where nobody may know."""
    try:
        return max(1, ml_cores(cluster) - running_predicts(cluster))
    except SparseIndexError:
        return 1


def running_predicts(cluster: Cluster) -> int:
    """Requests to models that run or wait now, ours and others'."""
    stats = cluster.get("/_nodes/stats/thread_pool", filter_path=f"nodes.*.thread_pool.{_PREDICTS}")
    pools = [node["thread_pool"][_PREDICTS] for node in stats.get("nodes", {}).values()]
    return sum(int(pool["active"]) + int(pool["queue"]) for pool in pools)
