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

DOCUMENTS = 20
ALLOCATION = "index.routing.allocation.enable"


@pytest.fixture
def index(plain_cluster: Cluster) -> Iterator[str]:
    """Of two shards, the first of which has just lost its node."""
    name = "shard-away"
    plain_cluster.put(f"/{name}", {"settings": {"index.number_of_shards": 2, "index.number_of_replicas": 0}})
    for number in range(DOCUMENTS):
        plain_cluster.put(f"/{name}/_doc/d{number}", {"number": number})
    plain_cluster.post(f"/{name}/_refresh")
    plain_cluster.put(f"/{name}/_settings", {ALLOCATION: "none"})
    (node,) = plain_cluster.get("/_nodes/_local")["nodes"]
    cancel = {"index": name, "shard": 0, "node": node, "allow_primary": True}
    plain_cluster.post("/_cluster/reroute", {"commands": [{"cancel": cancel}]})
    yield name
    plain_cluster.delete(f"/{name}")


def test_documents_of_a_shard_that_is_away_are_not_taken_for_gone(
    plain_cluster: Cluster, plain_settings: ConnectionSettings, index: str
) -> None:
    impatient = Cluster.connect(plain_settings, attempts=1)
    partial = plain_cluster.post(f"/{index}/_search", {"size": 0})["hits"]["total"]["value"]
    assert 0 < partial < DOCUMENTS
    ids = pa.array([f"d{number}" for number in range(DOCUMENTS)])
    for look in (documents_in, sealed_count, lambda cluster, name: documents_there(cluster, name, ids)):
        with pytest.raises(UnavailableError):
            look(impatient, index)
    plain_cluster.put(f"/{index}/_settings", {ALLOCATION: None})
    assert documents_in(plain_cluster, index) == documents_there(plain_cluster, index, ids) == DOCUMENTS
