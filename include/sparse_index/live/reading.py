"""What an index holds, with nothing missing: of every shard, and past every search pipeline, which may change what is found."""

from __future__ import annotations

from sparse_index.cluster.client import Cluster, Json
from sparse_index.live.attached import NO_PIPELINE


def searched(cluster: Cluster, index: str, body: Json) -> Json:
    """The answer to a search; `UnavailableError` while a shard is away: by itself the cluster answers without it."""
    answer: Json = cluster.post(
        f"/{index}/_search", body, search_pipeline=NO_PIPELINE, allow_partial_search_results="false"
    )
    return answer


def documents_in(cluster: Cluster, index: str, query: Json | None = None) -> int:
    """How many documents the refreshed index has, or how many of them a query finds."""
    body = {"size": 0, "track_total_hits": True} | ({} if query is None else {"query": query})
    return int(searched(cluster, index, body)["hits"]["total"]["value"])
