"""The mean time of real searches on a real index, as the encode task watches it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from sparse_index.cluster.client import Cluster
from sparse_index.encode.search_watch import EVERY_S, FEWEST_SEARCHES, SearchWatch

pytestmark = pytest.mark.integration
DOCUMENTS = 40
# Close to the most statements that a script may run; for every document of the index.
BUSY = "double sum = 0; for (int i = 0; i < 900000; i++) { sum += Math.sqrt(i) } return sum > 0 ? 1 : 0;"


def test_slow_searches_are_noticed(plain_cluster: Cluster) -> None:
    index = f"watched-{uuid4().hex[:8]}"
    plain_cluster.put(f"/{index}", {"settings": {"index.number_of_replicas": 0}})
    for number in range(DOCUMENTS):
        plain_cluster.put(f"/{index}/_doc/{number}", {"n": number})
    plain_cluster.post(f"/{index}/_refresh")
    now = [0.0]
    watch = SearchWatch(plain_cluster, index, lambda: now[0])

    search(plain_cluster, index, {"match_all": {}})
    assert not watch.suffer()
    now[0] += EVERY_S
    search(plain_cluster, index, {"match_all": {}})
    assert not watch.suffer()
    now[0] += EVERY_S
    search(plain_cluster, index, {"script_score": {"query": {"match_all": {}}, "script": {"source": BUSY}}})
    assert watch.suffer()
    plain_cluster.delete(f"/{index}")


def search(cluster: Cluster, index: str, query: dict[str, object]) -> None:
    for _ in range(FEWEST_SEARCHES):
        cluster.post(f"/{index}/_search", {"query": query, "size": 1})
