"""How large an index is."""

from __future__ import annotations

from sparse_index.cluster.client import Cluster, Json


def index_bytes(cluster: Cluster, index: str) -> int | None:
    """Of its primaries; None when it is not there."""
    answer: Json | None = cluster.find(f"/{index}/_stats/store", filter_path="_all.primaries.store.size_in_bytes")
    if answer is None:
        return None
    return int(answer.get("_all", {}).get("primaries", {}).get("store", {}).get("size_in_bytes", 0))
