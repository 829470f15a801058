"""How many processor cores the nodes have that run models."""

from __future__ import annotations

from collections.abc import Sequence

from sparse_index.cluster.client import Cluster, Json


def ml_cores(cluster: Cluster, node_ids: Sequence[str] = ()) -> int:
    """Cores of the given nodes; without any: of the ML nodes, or of all nodes where there is no ML node."""
    which = ",".join(node_ids) if node_ids else "_all"
    answer = cluster.get(f"/_nodes/{which}/os", filter_path="nodes.*.roles,nodes.*.os.allocated_processors")
    nodes: list[Json] = list(answer.get("nodes", {}).values())
    chosen = [node for node in nodes if "ml" in node.get("roles", [])] or nodes
    return max(1, sum(int(node["os"]["allocated_processors"]) for node in chosen))
