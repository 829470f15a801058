"""The same searches on 2.19.1 with security: what it has not, it is not asked for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from local_cluster import LocalCluster
from searched import (
    ToyModels,
    divided_config,
    live,
    remove_served,
    require_same,
    searched_config,
    toy_models,
    write_tickets,
)
from secure_accounts import accounts, less, without_own_index
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchMode
from sparse_index.errors import AccessError, ConfigError
from sparse_index.query.answer import Via
from sparse_index.query.encoding import Given
from sparse_index.query.search import search
from sparse_index.roles import role_bodies

pytestmark = [pytest.mark.integration, pytest.mark.secure]
SIDES = ("bm25", "text_sparse", "text_dense")
SHARDS = {1: "q-secure-one", 2: "q-secure-two"}
PREDICT = "cluster:admin/opensearch/ml/predict"
QUERIES = ("refund for a late parcel", "login broken", "app hangs on my phone")


@pytest.fixture(scope="module")
def configured(secure_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    tickets = write_tickets(tmp_path_factory.mktemp("secure-search"), 80)

    def config(models: ToyModels, shards: int = 1, **asked: Any) -> CorpusConfig:
        model = {"source": "model_id", "model_id": models.cross}
        rerank = {"model": model, "max_words": None, "budget_ms": None, "depth": 20}
        return searched_config(SHARDS[shards], tickets, models, shards, sides=SIDES, rerank=rerank, **asked)

    with toy_models(secure_cluster) as models:
        for shards in SHARDS:
            live(secure_cluster, config(models, shards))
        yield partial(config, models)
        for alias in SHARDS.values():
            remove_served(secure_cluster, alias)


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize(("fusion", "shards"), [("rrf", 1), ("min_max", 1), ("min_max", 2)])
def test_cluster_and_client_fuse_alike(
    secure_cluster: Cluster, configured: Any, fusion: str, shards: int, query: str
) -> None:
    config = configured(shards, fusion=fusion, candidates=20)
    ask = partial(search, secure_cluster, config, query, mode=SearchMode.HYBRID, filters=["order_value>=100"])
    everything = ask(size=1000, via=Via.CLIENT)
    server = ask(size=10)
    assert (server.via, server.degraded, len(server.hits)) == (Via.SERVER, (), 10)
    require_same(server, ask(size=10, via=Via.CLIENT), everything, by_ranks=fusion == "rrf")


def test_ranks_of_several_shards_are_added_by_us(secure_cluster: Cluster, configured: Any) -> None:
    """This version ranks each shard's candidates for themselves: two firsts on two shards."""
    ask = partial(search, secure_cluster, configured(2), QUERIES[0], mode=SearchMode.HYBRID)
    assert ask().via is Via.CLIENT
    told = ask(via=Via.SERVER)
    assert told.notes[0].startswith("This cluster ranks the candidates of each shard for themselves")
    assert [hit.score for hit in told.hits] != pytest.approx([hit.score for hit in ask().hits], abs=1e-4)


def test_cluster_and_client_re_rank_alike(secure_cluster: Cluster, configured: Any) -> None:
    ask = partial(search, secure_cluster, configured(), QUERIES[0], mode=SearchMode.RERANK, strict=True)
    server, client = ask(via=Via.SERVER), ask(via=Via.CLIENT)
    assert [hit.id for hit in server.hits] == [hit.id for hit in client.hits]
    assert [hit.score for hit in server.hits] == pytest.approx([hit.score for hit in client.hits], abs=1e-4)


@pytest.mark.parametrize("mode", [SearchMode.BM25, SearchMode.SPARSE, SearchMode.DENSE])
def test_each_side_answers_alone(secure_cluster: Cluster, configured: Any, mode: SearchMode) -> None:
    answer = search(secure_cluster, configured(), QUERIES[0], mode=mode, filters=["category=delivery"], explain=True)
    assert answer.hits
    assert all(hit.source["category"] == "delivery" for hit in answer.hits)


@pytest.fixture(scope="module")
def readers(secure_server: LocalCluster, secure_cluster: Cluster) -> Iterator[dict[str, Cluster]]:
    """The cluster as somebody sees it who has the shipped read role and nothing else, and who has less than that."""
    without_own_index(secure_cluster)
    read = role_bodies(SHARDS[1])["sparse_index_read"]
    clusters = accounts(secure_server, secure_cluster, {"whole": read, "without_models": less(read, PREDICT)})
    yield clusters
    for cluster in clusters.values():
        cluster.close()


@pytest.mark.parametrize("via", [Via.SERVER, Via.CLIENT])
@pytest.mark.parametrize("mode", [SearchMode.SPARSE, SearchMode.DENSE, SearchMode.HYBRID, SearchMode.RERANK])
def test_the_read_role_finds_what_the_administrator_does(
    readers: dict[str, Cluster], secure_cluster: Cluster, configured: Any, mode: SearchMode, via: Via
) -> None:
    config = configured(query={"text_sparse": "model"})
    ask = partial(search, config=config, query=QUERIES[0], mode=mode, via=via, strict=True)
    ours, theirs = ask(readers["whole"]), ask(secure_cluster)
    assert (ours.index, ours.via, ours.degraded) == (config.alias, theirs.via, ())
    assert [(hit.id, hit.score) for hit in ours.hits] == [(hit.id, hit.score) for hit in theirs.hits]


@pytest.mark.parametrize("mode", [SearchMode.HYBRID, SearchMode.RERANK])
def test_who_may_not_call_a_model_is_told_so_and_gets_what_words_find(
    readers: dict[str, Cluster], configured: Any, mode: SearchMode
) -> None:
    config = configured(query={"text_sparse": "model"})
    ask = partial(search, readers["without_models"], config, QUERIES[0], size=5)
    answer = ask(mode=mode)
    silent = ["text_sparse", "text_dense", *(["The re-ranker"] if mode is SearchMode.RERANK else [])]
    assert [said.partition(" did not answer: ")[0] for said in answer.degraded] == silent
    assert all(PREDICT in said for said in answer.degraded)
    assert [hit.id for hit in answer.hits] == [hit.id for hit in ask(mode=SearchMode.BM25).hits]
    for alone in (partial(ask, mode=mode, strict=True), partial(ask, mode=SearchMode.DENSE)):
        with pytest.raises(AccessError, match=PREDICT):
            alone()


def test_it_is_not_asked_for_an_intersection(secure_cluster: Cluster, configured: Any) -> None:
    config = configured(combine="intersection", candidates=15)
    with pytest.raises(ConfigError, match=r"the cluster \(2\.19\.1\) cannot intersect"):
        search(secure_cluster, config, QUERIES[0], mode=SearchMode.HYBRID, via=Via.SERVER)
    hits = search(secure_cluster, config, QUERIES[0], mode=SearchMode.HYBRID, explain=True).hits
    assert all(set(hit.sides) == set(SIDES) for hit in hits)


def test_a_hybrid_search_tells_its_best_passages_which_this_version_leaves_out(
    secure_cluster: Cluster, configured: Any, tmp_path: Path
) -> None:
    setting = {"plugins.ml_commons.allow_registering_model_via_local_file": "true"}
    secure_cluster.put("/_cluster/settings", {"persistent": setting})
    config = divided_config("q-secure-passages", write_tickets(tmp_path, 20))
    try:
        live(secure_cluster, config)
        given = Given(models={name: field.encoder.model.model_id for name, field in configured().vector_fields.items()})
        ask = partial(search, secure_cluster, config, QUERIES[0], mode=SearchMode.HYBRID, given=given, strict=True)
        server, client = ask(via=Via.SERVER), ask(via=Via.CLIENT)
        require_same(server, client, ask(via=Via.CLIENT, size=1000))
        assert all("text_dense" in hit.passages for hit in server.hits)
        assert [hit.passages for hit in server.hits] == [hit.passages for hit in client.hits]
        assert any(hit.passage is not None and hit.passage.number > 0 for hit in server.hits)
    finally:
        remove_served(secure_cluster, config.alias)
