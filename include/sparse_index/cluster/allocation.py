"""Why a new shard found no node."""

from __future__ import annotations

import orjson

from sparse_index.cluster.client import Cluster, Json
from sparse_index.errors import SparseIndexError


def why_unallocated(cluster: Cluster, index: str) -> str:
    """The cluster's own reasons, in its words; says so when it may not be asked."""
    body = {"index": index, "shard": 0, "primary": True}
    try:
        answer: Json = cluster.get("/_cluster/allocation/explain", body)
    except SparseIndexError as error:
        return f"no explanation ({error.message})"
    reasons = [
        f"{decider.get('decider')}: {decider.get('explanation')}"
        for node in answer.get("node_allocation_decisions", [])
        for decider in node.get("deciders", [])
        if decider.get("decision") == "NO"
    ]
    return "; ".join(dict.fromkeys(reasons)) or orjson.dumps(answer.get("unassigned_info", {})).decode()
