"""A shard that is away: what is counted, found or forgotten without it says so."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pyarrow as pa
import pytest

from build_plans import corpus_config
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.search import SearchMode
from sparse_index.errors import UnavailableError
from sparse_index.index.removal import documents_there, expunge
from sparse_index.live.reading import documents_in
from sparse_index.live.switch import sealed_count
from sparse_index.query.answer import Via
from sparse_index.query.encoding import Given
from sparse_index.query.search import search
from sparse_index.timing import REAL_TIME

DOCUMENTS, TIMES = 20, 3
IDS = pa.array([f"d{number}" for number in range(DOCUMENTS)])
FIELD = "text_sparse"
RECOVERIES = "cluster.routing.allocation.node_initial_primaries_recoveries"
LOOKS = (documents_in, sealed_count, lambda cluster, index: documents_there(cluster, index, IDS))


@pytest.fixture
def index(plain_cluster: Cluster) -> Iterator[str]:
    """Of two shards."""
    name = "shard-away"
    settings = {"index.number_of_shards": 2, "index.number_of_replicas": 0}
    mapping = {"properties": {"title": {"type": "text"}, FIELD: {"type": "rank_features"}}}
    plain_cluster.put(f"/{name}", {"settings": settings, "mappings": mapping})
    for number in range(DOCUMENTS):
        plain_cluster.put(f"/{name}/_doc/d{number}", {"title": f"refund {number}", FIELD: {"refund": 1.0}})
    plain_cluster.post(f"/{name}/_refresh")
    yield name
    plain_cluster.delete(f"/{name}")


def lose_a_shard(cluster: Cluster, index: str) -> None:
    """Its node begins to recover it at once."""
    cluster.get(f"/_cluster/health/{index}", wait_for_status="green")
    (node,) = cluster.get("/_nodes/_local")["nodes"]
    cancel = {"index": index, "shard": 0, "node": node, "allow_primary": True}
    cluster.post("/_cluster/reroute", {"commands": [{"cancel": cancel}]})


@pytest.fixture
def half(plain_cluster: Cluster, index: str) -> Iterator[str]:
    """One of its shards stays away: what else forbids a primary its only copy, the cluster passes over."""
    plain_cluster.put("/_cluster/settings", {"transient": {RECOVERIES: 0}})
    try:
        lose_a_shard(plain_cluster, index)
        yield index
    finally:
        plain_cluster.put("/_cluster/settings", {"transient": {RECOVERIES: None}})


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


@pytest.mark.parametrize(
    ("mode", "via"),
    [
        (SearchMode.BM25, Via.AUTO),
        (SearchMode.SPARSE, Via.AUTO),
        (SearchMode.HYBRID, Via.SERVER),
        (SearchMode.HYBRID, Via.CLIENT),
    ],
)
def test_a_search_that_a_shard_had_no_part_in_says_so(
    plain_cluster: Cluster, half: str, mode: SearchMode, via: Via
) -> None:
    config = corpus_config("away", search={"sides": ["bm25", FIELD], "fusion": {"type": "min_max"}})
    given = Given(tokens={FIELD: {"refund": 1.0}})
    ask = partial(search, plain_cluster, config, "refund", mode=mode, via=via, index=half, given=given, size=DOCUMENTS)
    answer = ask()
    assert 0 < len(answer.hits) < DOCUMENTS
    assert [said.partition(":")[0] for said in answer.degraded] == [f"1 of 2 shards of {half} did not answer"]
    with pytest.raises(UnavailableError, match=f"1 of 2 shards of {half} did not answer"):
        ask(strict=True)


def test_what_a_shard_that_is_away_still_holds_of_deleted_documents_is_said(plain_cluster: Cluster, half: str) -> None:
    assert expunge(plain_cluster, half, REAL_TIME) == (
        f"1 of 2 copies of the shards of {half} are on no node now: one that comes back with its old files may hold deleted "
        "documents until its next merges"
    )


def test_a_copy_that_no_node_ever_had_holds_nothing(plain_cluster: Cluster, index: str) -> None:
    plain_cluster.put(f"/{index}/_settings", {"index.number_of_replicas": 1})
    assert expunge(plain_cluster, index, REAL_TIME) is None


def test_a_copy_that_no_node_ever_had_is_not_counted_as_away(plain_cluster: Cluster, half: str) -> None:
    plain_cluster.put(f"/{half}/_settings", {"index.number_of_replicas": 1})
    said = expunge(plain_cluster, half, REAL_TIME)
    assert said is not None
    assert said.startswith(f"1 of 4 copies of the shards of {half} are on no node now")
