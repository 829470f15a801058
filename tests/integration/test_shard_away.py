"""A shard that is away for a moment: what is counted says so, instead of a smaller number."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.errors import UnavailableError
from sparse_index.index.removal import documents_there
from sparse_index.live.reading import documents_in
from sparse_index.live.switch import sealed_count

DOCUMENTS, TIMES = 20, 3
IDS = pa.array([f"d{number}" for number in range(DOCUMENTS)])
LOOKS = (documents_in, sealed_count, lambda cluster, index: documents_there(cluster, index, IDS))


@pytest.fixture
def index(plain_cluster: Cluster) -> Iterator[str]:
    """Of two shards."""
    name = "shard-away"
    plain_cluster.put(f"/{name}", {"settings": {"index.number_of_shards": 2, "index.number_of_replicas": 0}})
    for number in range(DOCUMENTS):
        plain_cluster.put(f"/{name}/_doc/d{number}", {"number": number})
    plain_cluster.post(f"/{name}/_refresh")
    yield name
    plain_cluster.delete(f"/{name}")


def lose_a_shard(cluster: Cluster, index: str) -> None:
    """Its node begins to recover it at once."""
    cluster.get(f"/_cluster/health/{index}", wait_for_status="green")
    (node,) = cluster.get("/_nodes/_local")["nodes"]
    cancel = {"index": index, "shard": 0, "node": node, "allow_primary": True}
    cluster.post("/_cluster/reroute", {"commands": [{"cancel": cancel}]})


def test_documents_of_a_shard_that_is_away_are_not_taken_for_gone(
    plain_cluster: Cluster, plain_settings: ConnectionSettings, index: str
) -> None:
    impatient = Cluster.connect(plain_settings, attempts=1)
    seen: set[int | None] = set()
    for look in LOOKS * TIMES:
        lose_a_shard(plain_cluster, index)
        try:
            seen.add(look(impatient, index))
        except UnavailableError:
            seen.add(None)
    assert None in seen
    assert seen <= {DOCUMENTS, None}
    assert [look(plain_cluster, index) for look in LOOKS] == [DOCUMENTS] * len(LOOKS)
