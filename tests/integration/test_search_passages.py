"""Searches of documents that are passages, on the real server: every mode, from cluster and client, with the best passage."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from searched import ToyModels, divided_config, live, remove_served, require_same, toy_models, write_tickets
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchMode
from sparse_index.query.answer import Answer, Via
from sparse_index.query.encoding import Given
from sparse_index.query.rerank import similarities
from sparse_index.query.search import search
from sparse_index.query.table import in_lines
from sparse_index.query.wish import modes
from sparse_index.relevance.evaluate import asks, evaluate
from sparse_index.relevance.golden import GoldenQuery, GoldenSet

pytestmark = pytest.mark.integration
COUNT = 70
SHARDS = {1: "q-passages-one", 3: "q-passages-three"}
SIDES = ("bm25", "text_sparse", "text_dense")
DIVIDED = SIDES[1:]
QUERY = "money back for a late parcel"
QUERIES = (QUERY, "the app hangs on my phone", "broken screen waterlogged attic", "cancel order help login")
FILTERS = ["category=delivery", "order_value>=250"]


class Corpora:
    """What is live, in one and in three shards, and a re-ranker."""

    def __init__(self, cluster: Cluster, tickets: Path, models: ToyModels) -> None:
        self.cluster, self.models, self._tickets = cluster, models, tickets
        self.given = Given(models={"text_sparse": models.sparse, "text_dense": models.dense})

    def config(self, shards: int = 1, **search_: Any) -> CorpusConfig:
        return divided_config(SHARDS[shards], self._tickets, shards, **search_)

    def reranking(self, **rerank: Any) -> CorpusConfig:
        model = {"source": "model_id", "model_id": self.models.cross}
        return self.config(
            sides=SIDES, rerank={"model": model, "max_words": None, "budget_ms": None, "depth": 20} | rerank
        )

    def ask(self, config: CorpusConfig, query: str = QUERY, **how: Any) -> Answer:
        return search(self.cluster, config, query, given=self.given, **how)


@pytest.fixture(scope="module")
def corpora(plain_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpora]:
    setting = {"plugins.ml_commons.allow_registering_model_via_local_file": "true"}
    plain_cluster.put("/_cluster/settings", {"persistent": setting})
    tickets = write_tickets(tmp_path_factory.mktemp("passages"), COUNT)
    with toy_models(plain_cluster) as models:
        found = Corpora(plain_cluster, tickets, models)
        for shards in SHARDS:
            live(plain_cluster, found.config(shards))
        yield found
        for alias in SHARDS.values():
            remove_served(plain_cluster, alias)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sides=st.lists(st.sampled_from(SIDES), min_size=2, max_size=3, unique=True),
    fusion=st.sampled_from(["rrf", "min_max"]),
    candidates=st.sampled_from([5, 20, 50]),
    query=st.sampled_from(QUERIES),
    shards=st.sampled_from(sorted(SHARDS)),
    filters=st.lists(st.sampled_from(FILTERS), max_size=2, unique=True),
    size=st.sampled_from([3, 10, 40]),
)
def test_cluster_and_client_find_the_same_documents_and_passages(
    corpora: Corpora,
    sides: list[str],
    fusion: str,
    candidates: int,
    query: str,
    shards: int,
    filters: list[str],
    size: int,
) -> None:
    config = corpora.config(shards, sides=sides, fusion=fusion, candidates=candidates)
    ask = partial(corpora.ask, config, query, mode=SearchMode.HYBRID, filters=filters, strict=True)
    everything = ask(size=1000, via=Via.CLIENT)
    server, client = ask(size=size, via=Via.SERVER), ask(size=size, via=Via.CLIENT)
    assert (server.via, client.via) == (Via.SERVER, Via.CLIENT)
    require_same(server, client, everything, by_ranks=fusion == "rrf")
    of_server = {hit.id: hit.passages for hit in server.hits}
    assert all(of_server.get(hit.id, hit.passages) == hit.passages for hit in client.hits)
    assert all(hit.passages.keys() >= set(sides) & {"text_dense"} for hit in client.hits)


@pytest.mark.parametrize("mode", [SearchMode.SPARSE, SearchMode.DENSE, SearchMode.HYBRID])
def test_the_best_passage_is_the_one_that_gives_the_score(corpora: Corpora, mode: SearchMode) -> None:
    answer = corpora.ask(corpora.config(sides=DIVIDED), mode=mode, explain=True)
    assert len(answer.hits) == 10
    for hit in answer.hits:
        whole = f"{hit.source['title']}. {hit.source['body']}"
        for passage in hit.passages.values():
            assert passage.text == whole[passage.start : passage.end]
        sparse = hit.sides.get("text_sparse")
        if sparse is not None:
            assert sum(sparse.matched.values()) == pytest.approx(sparse.score, rel=0.01), "its own tokens, not others'"
    assert any(hit.passage is not None and hit.passage.number > 0 for hit in answer.hits)
    assert "passage " in "\n".join(in_lines(answer))


def test_a_document_that_only_words_found_tells_its_passages_too(corpora: Corpora) -> None:
    config = corpora.config(sides=SIDES, candidates=3)
    answer = corpora.ask(config, mode=SearchMode.HYBRID)
    words_alone = [hit for hit in answer.hits if hit.sides.keys().isdisjoint(DIVIDED)]
    assert words_alone or len(answer.hits) < 9
    assert all("text_dense" in hit.passages for hit in answer.hits)


def test_the_cluster_tells_each_side_s_rank_where_explanations_are_asked_for(corpora: Corpora) -> None:
    ask = partial(corpora.ask, corpora.config(sides=SIDES), mode=SearchMode.HYBRID, explain=True, size=40)
    server, client = ask(via=Via.SERVER), ask(via=Via.CLIENT)
    ours = {hit.id: hit.sides for hit in client.hits}
    assert any(found.rank for hit in server.hits for found in hit.sides.values())
    for hit in server.hits:
        assert hit.sides.keys() == ours[hit.id].keys()
        for side, found in hit.sides.items():
            assert found.score == pytest.approx(ours[hit.id][side].score, rel=1e-5)
            equal = {
                each[side].rank
                for each in ours.values()
                if side in each and each[side].score == pytest.approx(found.score)
            }
            assert found.rank in equal


def test_the_re_ranker_reads_the_best_passage(corpora: Corpora) -> None:
    answer = corpora.ask(corpora.reranking(), mode=SearchMode.RERANK)
    assert (answer.via, len(answer.hits)) == (Via.CLIENT, 5)
    texts = [hit.passage.text for hit in answer.hits if hit.passage is not None]
    scores = similarities(corpora.cluster, corpora.models.cross, QUERY, texts)
    assert [hit.score for hit in answer.hits] == pytest.approx(scores, abs=1e-5)
    whole = corpora.ask(corpora.reranking(), mode=SearchMode.RERANK, via=Via.SERVER)
    assert whole.notes == (
        "The cluster re-ranked by whole columns, all `depth` hits: it knows nothing of the best passages of text_sparse, "
        "the best passages of text_dense. Ask via client.",
    )
    assert all("text_dense" in hit.passages for hit in whole.hits)
    assert [hit.score for hit in whole.hits] != pytest.approx(scores, abs=1e-3)


def test_more_hits_than_are_re_ranked_follow_as_they_were_fused(corpora: Corpora) -> None:
    config = corpora.reranking(depth=5)
    for via in (Via.SERVER, Via.CLIENT):
        answer = corpora.ask(config, mode=SearchMode.RERANK, size=12, via=via)
        fused = corpora.ask(config, mode=SearchMode.HYBRID, size=12)
        assert [hit.id for hit in answer.hits[5:]] == [hit.id for hit in fused.hits[5:]], via
        assert {hit.id for hit in answer.hits} == {hit.id for hit in fused.hits}


def test_every_mode_is_measured_over_passages(corpora: Corpora) -> None:
    """By a passage that is not the first, of a document that has no other of its kind."""
    config = corpora.reranking()
    wanted = corpora.ask(config, "Our grandmother looked at it too and agrees.", mode=SearchMode.SPARSE, size=1).hits[0]
    query = GoldenQuery(id="q", text=wanted.source["body"][-120:], must=(wanted.id,), within=50)
    golden = GoldenSet([query], {"q": {wanted.id: 1}})
    assert modes(config) == list(SearchMode)
    for mode in SearchMode:
        found = evaluate(asks(corpora.cluster, config, given=corpora.given), golden, mode)
        assert not found.missing, mode
        assert found.measured is not None
        assert found.measured.mean("R@50") == 1, mode
