"""Which nodes run models, and how many processor cores they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sparse_index.cluster.client import Cluster, Json
from sparse_index.cluster.settings import effective_settings
from sparse_index.errors import SparseIndexError

_PREDICTS = "opensearch_ml_predict"
ML_NODES_ONLY = "plugins.ml_commons.only_run_on_ml_node"


@dataclass(frozen=True)
class ModelNode:
    """`cores`: that OpenSearch uses on it."""

    name: str
    cores: int


def model_nodes(cluster: Cluster) -> dict[str, ModelNode]:
    """Node id -> each node that local models are deployed to: those of the role ml, and those that hold data where the cluster
    lets models run on them."""
    ml_nodes_only = effective_settings(cluster, ML_NODES_ONLY).get(ML_NODES_ONLY) != "false"
    roles = {"ml"} if ml_nodes_only else {"ml", "data"}
    return {
        node: _model_node(node, body) for node, body in _nodes(cluster).items() if roles & set(body.get("roles", []))
    }


def ml_cores(cluster: Cluster) -> int:
    """Cores of the nodes that run local models; of all nodes where there is none, for a connector's model runs on no node."""
    nodes = model_nodes(cluster) or {node: _model_node(node, body) for node, body in _nodes(cluster).items()}
    return max(1, sum(node.cores for node in nodes.values()))


def _nodes(cluster: Cluster) -> Mapping[str, Json]:
    wanted = ("name", "roles", "os.allocated_processors")
    answer = cluster.get("/_nodes/os", filter_path=",".join(f"nodes.*.{name}" for name in wanted))
    nodes: Json = answer.get("nodes", {})
    return nodes


def _model_node(node: str, body: Json) -> ModelNode:
    return ModelNode(str(body.get("name", node)), int(body["os"]["allocated_processors"]))


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
