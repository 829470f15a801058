"""Searches on the real server with toy models: the cluster and the client give the same hits in every mode."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ml_verbs import deployed
from searched import (
    ToyModels,
    cuts_equals,
    live,
    remove_served,
    require_same,
    searched_config,
    toy_models,
    write_tickets,
)
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchMode
from sparse_index.errors import ConfigError, ModelError, TerminalError
from sparse_index.query.answer import Via
from sparse_index.query.encoding import Given
from sparse_index.query.pipelines import search_pipeline
from sparse_index.query.search import search
from sparse_index.query.table import in_lines

pytestmark = pytest.mark.integration
COUNT = 150
SHARDS = {1: "q-search-one", 3: "q-search-three"}
WORDS = (
    "refund parcel late broken screen login invoice twice charge waterlogged phone app hangs attic cancel order help"
)
FILTERS = ["category=delivery", "order_value>=250", "category!=delivery", "created_at<2025-06-01"]
SIDES = ("bm25", "text_sparse", "text_dense")
ALL_SIDES = {"sides": SIDES}
ALL = {"candidates": 1_000}
BY_US: Any = {"mode": SearchMode.HYBRID, "via": Via.CLIENT}


class Corpora:
    """What is live, in one and in three shards."""

    def __init__(self, cluster: Cluster, tickets: Path, models: ToyModels) -> None:
        self.cluster, self.tickets, self.models = cluster, tickets, models

    def config(self, shards: int, **search_: Any) -> CorpusConfig:
        return searched_config(SHARDS[shards], self.tickets, self.models, shards, **search_)


@pytest.fixture(scope="module")
def corpora(plain_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpora]:
    tickets = write_tickets(tmp_path_factory.mktemp("searched"), COUNT)
    with toy_models(plain_cluster) as models:
        found = Corpora(plain_cluster, tickets, models)
        for shards in SHARDS:
            live(plain_cluster, found.config(shards))
        yield found
        for alias in SHARDS.values():
            remove_served(plain_cluster, alias)


@st.composite
def searches(draw: st.DrawFn) -> dict[str, Any]:
    sides = draw(st.lists(st.sampled_from(SIDES), min_size=2, max_size=3, unique=True))
    fusion: Any = draw(st.sampled_from(["rrf", "min_max", "weights"]))
    if fusion == "weights":
        first = draw(st.sampled_from([0.0, 0.25, 0.5]))
        shares = [first, *[(1 - first) / (len(sides) - 1)] * (len(sides) - 1)]
        fusion = {"type": "min_max", "weights": dict(zip(sides, shares, strict=True))}
    return {"sides": sides, "fusion": fusion, "candidates": draw(st.sampled_from([5, 20, 50]))}


queries = st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=6).map(" ".join)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=searches(),
    query=queries,
    shards=st.sampled_from(sorted(SHARDS)),
    filters=st.lists(st.sampled_from(FILTERS), max_size=2, unique=True),
    size=st.sampled_from([3, 10, 40]),
)
def test_the_union_is_the_same_from_cluster_and_client(
    corpora: Corpora, asked: dict[str, Any], query: str, shards: int, filters: list[str], size: int
) -> None:
    ask = partial(
        search, corpora.cluster, corpora.config(shards, **asked), query, mode=SearchMode.HYBRID, filters=filters
    )
    everything = ask(size=1000, via=Via.CLIENT)
    whole = search(corpora.cluster, corpora.config(shards, **asked | ALL), query, filters=filters, size=1000, **BY_US)
    assume(not cuts_equals(everything, whole))
    server, client = ask(size=size, via=Via.SERVER), ask(size=size, via=Via.CLIENT)
    assert (server.via, client.via, server.degraded, client.degraded) == (Via.SERVER, Via.CLIENT, (), ())
    require_same(server, client, everything, by_ranks=asked["fusion"] == "rrf")


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sides=st.sampled_from([SIDES[:2], SIDES[1:], SIDES]), query=queries, shards=st.sampled_from(sorted(SHARDS)))
def test_the_intersection_is_the_same_where_the_cluster_can(
    corpora: Corpora, sides: tuple[str, ...], query: str, shards: int
) -> None:
    candidates = {2: 60, 3: 30}[len(sides)] // shards
    config = corpora.config(shards, sides=sides, combine="intersection", candidates=candidates)
    ask = partial(search, corpora.cluster, config, query, mode=SearchMode.HYBRID)
    everything = ask(size=1000, explain=True)
    assert everything.via is Via.CLIENT
    assert all(set(hit.sides) == set(sides) for hit in everything.hits)
    server = ask(size=1000, via=Via.SERVER)
    assert {hit.id for hit in server.hits} == {hit.id for hit in everything.hits}
    require_same(server, ask(size=1000, via=Via.CLIENT), everything)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"candidates": 62}, r"cannot intersect 2 sides of 62 candidates on 1 shard\(s\) by rrf exactly"),
        ({"fusion": "min_max"}, r"cannot intersect 2 sides of 50 candidates on 1 shard\(s\) by min_max exactly"),
    ],
)
def test_an_intersection_that_the_cluster_would_get_wrong_is_not_asked_of_it(
    corpora: Corpora, asked: dict[str, Any], said: str
) -> None:
    config = corpora.config(1, combine="intersection", **asked)
    with pytest.raises(ConfigError, match=said):
        search(corpora.cluster, config, "refund", mode=SearchMode.HYBRID, via=Via.SERVER)
    assert search(corpora.cluster, config, "refund", mode=SearchMode.HYBRID).hits


@pytest.mark.parametrize("shards", sorted(SHARDS))
@pytest.mark.parametrize("mode", [SearchMode.BM25, SearchMode.SPARSE, SearchMode.DENSE])
def test_a_filter_leaves_the_best_of_those_that_it_lets_through(
    corpora: Corpora, shards: int, mode: SearchMode
) -> None:
    ask = partial(search, corpora.cluster, corpora.config(shards), "refund for a late parcel", mode=mode)
    everything = ask(size=1000)
    few = ask(size=5, filters=["category=delivery", "order_value>=250"])
    wanted = [
        hit.id for hit in everything.hits if hit.source["category"] == "delivery" and hit.source["order_value"] >= 250
    ]
    assert len(wanted) >= 5
    assert [hit.id for hit in few.hits] == wanted[:5]


def test_the_alias_s_own_filter_stands_inside_every_side(corpora: Corpora) -> None:
    """Before the nearest are chosen, not after: dense finds its five even where the nearest of all are hidden."""
    config = corpora.config(1, candidates=5)
    index = search(corpora.cluster, config, "refund").index
    hidden = {"bool": {"must_not": [{"term": {"category.keyword": "delivery"}}]}}
    alias = {"index": index, "alias": config.alias, "is_write_index": True}
    corpora.cluster.post("/_aliases", {"actions": [{"add": alias | {"filter": hidden}}]})
    try:
        for via, mode in product((Via.SERVER, Via.CLIENT), (SearchMode.DENSE, SearchMode.HYBRID, SearchMode.BM25)):
            answer = search(corpora.cluster, config, "refund for a late parcel", mode=mode, via=via, size=5)
            assert len(answer.hits) == 5
            assert all(hit.source["category"] != "delivery" for hit in answer.hits)
            assert answer.index == index
        whole = search(corpora.cluster, config, "late parcel", mode=SearchMode.DENSE, index=index)
        assert any(hit.source["category"] == "delivery" for hit in whole.hits)
    finally:
        corpora.cluster.post(
            "/_aliases", {"actions": [{"remove": {"index": index, "alias": config.alias}}, {"add": alias}]}
        )


@pytest.mark.parametrize("words", ["nothing=1", "text_dense=1", "order_value>=many"])
def test_a_filter_that_the_index_cannot_answer_is_refused(corpora: Corpora, words: str) -> None:
    with pytest.raises(ConfigError, match=f"Filter '{words}'"):
        search(corpora.cluster, corpora.config(1), "refund", filters=[words])


def test_explained_hits_tell_what_each_side_says(corpora: Corpora) -> None:
    config = corpora.config(1, **ALL_SIDES)
    answer = search(corpora.cluster, config, "refund", mode=SearchMode.HYBRID, explain=True)
    assert answer.via is Via.SERVER
    assert answer.made_by == {
        "text_sparse": "analyzer standard",
        "text_dense": f"model {corpora.models.dense}",
    }
    for side, mode in zip(SIDES, (SearchMode.BM25, SearchMode.SPARSE, SearchMode.DENSE), strict=True):
        alone = search(corpora.cluster, config, "refund", mode=mode, explain=True, size=50)
        own = {hit.id: hit.sides[side] for hit in alone.hits}
        for found, wanted in ((hit.sides[side], own[hit.id]) for hit in answer.hits if side in hit.sides):
            assert found.score == pytest.approx(wanted.score, rel=1e-5)
            assert found.matched == wanted.matched
            assert found.rank in {
                each.rank for each in own.values() if each.score == pytest.approx(wanted.score, rel=1e-5)
            }
    sparse = [hit.sides["text_sparse"] for hit in answer.hits if "text_sparse" in hit.sides]
    assert all(sum(found.matched.values()) == pytest.approx(found.score, rel=0.01) for found in sparse)
    text = "\n".join(in_lines(answer))
    assert "text_sparse: #1," in text
    assert "hybrid via server" in text


def test_of_several_shards_only_we_know_the_ranks(corpora: Corpora) -> None:
    ask = partial(search, corpora.cluster, corpora.config(3), "refund", mode=SearchMode.HYBRID)
    assert ask(explain=True).via is Via.CLIENT
    assert all(found.rank for hit in ask(explain=True).hits for found in hit.sides.values())
    told = ask(explain=True, via=Via.SERVER)
    assert all(found.rank is None and found.score > 0 for hit in told.hits for found in hit.sides.values())


def test_a_model_may_encode_the_query_for_a_sparse_field_too(corpora: Corpora) -> None:
    declared = corpora.config(1, query={"text_sparse": "model"})
    answer = search(corpora.cluster, declared, "money back", mode=SearchMode.SPARSE, explain=True)
    assert answer.made_by == {"text_sparse": f"model {corpora.models.sparse}"}
    named = Given(models={"text_sparse": corpora.models.sparse})
    told = search(corpora.cluster, corpora.config(1), "money back", mode=SearchMode.SPARSE, given=named, explain=True)
    assert [(hit.id, hit.score) for hit in told.hits] == [(hit.id, hit.score) for hit in answer.hits]


def test_a_query_of_unknown_words_is_no_error_and_said(corpora: Corpora) -> None:
    answer = search(corpora.cluster, corpora.config(1, **ALL_SIDES), "qqq zzz", mode=SearchMode.HYBRID)
    assert answer.degraded == ()
    assert answer.notes == (
        "text_dense finds nothing: its vector of this query is empty, as of words that it does not know.",
    )
    assert search(corpora.cluster, corpora.config(1), "qqq zzz", mode=SearchMode.DENSE).hits == []


@pytest.mark.parametrize("via", [Via.SERVER, Via.CLIENT])
def test_a_side_whose_model_does_not_answer_leaves_the_others(corpora: Corpora, via: Via) -> None:
    gone = Given(models={"text_dense": "no-such-model"})
    ask = partial(search, corpora.cluster, corpora.config(1), "refund", mode=SearchMode.HYBRID, via=via, given=gone)
    answer = ask()
    assert answer.degraded == (
        "text_dense did not answer: Model no-such-model of vector field 'text_dense' does not exist. Run the corpus's serving, "
        "or name one that is there.",
    )
    assert next(in_lines(answer)) == f"  DEGRADED: {answer.degraded[0]}"
    sparse = search(corpora.cluster, corpora.config(1), "refund", mode=SearchMode.SPARSE)
    assert {hit.id for hit in answer.hits} == {hit.id for hit in sparse.hits}
    with pytest.raises(ModelError, match="no-such-model"):
        ask(strict=True)
    with pytest.raises(ModelError, match="no-such-model"):
        ask(mode=SearchMode.DENSE)


def test_a_model_of_the_other_kind_is_told_from_a_broken_one(corpora: Corpora) -> None:
    ask = partial(search, corpora.cluster, corpora.config(1), "refund")
    dense_for_sparse = Given(models={"text_sparse": corpora.models.dense})
    with pytest.raises(ModelError, match=f"{corpora.models.dense} is TEXT_EMBEDDING, and .* SPARSE_ENCODING"):
        ask(mode=SearchMode.SPARSE, given=dense_for_sparse)
    sparse_for_dense = Given(models={"text_dense": corpora.models.sparse})
    with pytest.raises(ModelError, match=f"{corpora.models.sparse} is SPARSE_ENCODING, and .* TEXT_EMBEDDING"):
        ask(mode=SearchMode.DENSE, given=sparse_for_dense)


def test_an_undeployed_model_is_said_with_the_call_that_deploys_it(corpora: Corpora) -> None:
    with undeployed(corpora.cluster, corpora.models.dense):
        answer = search(corpora.cluster, corpora.config(1), "refund", mode=SearchMode.HYBRID)
        assert answer.hits
        assert "does not answer (its document says UNDEPLOYED)" in answer.degraded[0]
        assert f"POST /_plugins/_ml/models/{corpora.models.dense}/_deploy" in answer.degraded[0]


@contextmanager
def undeployed(cluster: Cluster, model_id: str) -> Iterator[None]:
    cluster.post(f"/_plugins/_ml/models/{model_id}/_undeploy")
    try:
        yield
    finally:
        deployed(cluster, model_id)


def reranking(corpora: Corpora, shards: int = 1, **rerank: Any) -> CorpusConfig:
    model = {"source": "model_id", "model_id": rerank.pop("model_id", corpora.models.cross)}
    unbounded = {"max_words": None, "budget_ms": None, "depth": 20}
    return corpora.config(shards, **ALL_SIDES, rerank={"model": model} | unbounded | rerank)


@pytest.mark.parametrize("shards", sorted(SHARDS))
@pytest.mark.parametrize(
    ("query", "filters"),
    [("money back for a late parcel", []), ("login broken", []), ("money back", ["category=delivery"])],
)
def test_the_re_ranked_hits_are_the_same_from_cluster_and_client(
    corpora: Corpora, shards: int, query: str, filters: list[str]
) -> None:
    ask = partial(search, corpora.cluster, reranking(corpora, shards), query, mode=SearchMode.RERANK, filters=filters)
    server, client = ask(via=Via.SERVER), ask(via=Via.CLIENT)
    assert (server.via, client.via, len(server.hits)) == (Via.SERVER, Via.CLIENT, 5)
    assert [hit.id for hit in server.hits] == [hit.id for hit in client.hits]
    assert [hit.score for hit in server.hits] == pytest.approx([hit.score for hit in client.hits], abs=1e-4)
    before = ask(mode=SearchMode.HYBRID, size=20, via=Via.CLIENT)
    places = {hit.id: rank for rank, hit in enumerate(before.hits, start=1)}
    assert [hit.rank_before for hit in client.hits] == [places[hit.id] for hit in client.hits]
    assert len({hit.score for hit in client.hits}) > 1
    assert not filters or {hit.source["category"] for hit in server.hits} == {"delivery"}


@pytest.mark.parametrize("shards", sorted(SHARDS))
def test_the_largest_page_of_a_fused_search_has_every_candidate(corpora: Corpora, shards: int) -> None:
    ask = partial(search, corpora.cluster, corpora.config(shards, **ALL_SIDES), "late parcel", mode=SearchMode.HYBRID)
    server, client = ask(size=10_000, via=Via.SERVER), ask(size=10_000, via=Via.CLIENT)
    assert len(server.hits) > 50
    assert {hit.id for hit in server.hits} == {hit.id for hit in client.hits}


def test_a_weight_of_the_re_ranker_leaves_the_rest_to_the_order_before(corpora: Corpora) -> None:
    """All of it, where the model's share is nearly nothing; the model's own order, where it is nearly all."""
    ask = partial(search, corpora.cluster, query="late parcel", mode=SearchMode.RERANK, strict=True)
    before = search(corpora.cluster, reranking(corpora), "late parcel", mode=SearchMode.HYBRID, via=Via.CLIENT)
    whole = ask(config=reranking(corpora))
    little, much = (ask(config=reranking(corpora, weight=weight)) for weight in (1e-6, 1 - 1e-6))
    assert [hit.id for hit in little.hits] == [hit.id for hit in before.hits[:5]]
    assert [hit.id for hit in much.hits] == [hit.id for hit in whole.hits] != [hit.id for hit in little.hits]


def test_the_cluster_re_ranks_where_it_would_be_the_same(corpora: Corpora) -> None:
    ask = partial(search, corpora.cluster, query="money back", mode=SearchMode.RERANK)
    assert ask(config=reranking(corpora)).via is Via.SERVER
    for ours in ({"max_words": 120}, {"budget_ms": 1_500}, {"weight": 0.5}):
        assert ask(config=reranking(corpora, **ours)).via is Via.CLIENT
    assert ask(config=reranking(corpora), explain=True).hits[0].rank_before is not None


def test_a_re_ranker_of_the_cluster_intersects_only_what_it_can(corpora: Corpora) -> None:
    config = reranking(corpora)
    common = config.model_copy(update={"search": config.search.model_copy(update={"combine": "intersection"})})
    with pytest.raises(ConfigError, match="cannot intersect 3 sides"):
        search(corpora.cluster, common, "money back", mode=SearchMode.RERANK, via=Via.SERVER)
    assert search(corpora.cluster, common, "money back", mode=SearchMode.RERANK).via is Via.CLIENT


def test_a_budget_lowers_the_depth_and_says_so(corpora: Corpora) -> None:
    config = reranking(corpora, budget_ms=0.001)
    answer = search(corpora.cluster, config, "money back", mode=SearchMode.RERANK, size=20)
    assert len(answer.hits) == 20
    assert re.match(
        r"Only the first \d of 20 hits were re-ranked: .* search\.rerank\.budget_ms \(0\.001\)", answer.notes[0]
    )


@pytest.mark.parametrize("via", [Via.SERVER, Via.CLIENT])
def test_without_its_re_ranker_the_hits_are_those_of_the_fusion(corpora: Corpora, via: Via) -> None:
    config = reranking(corpora, model_id=corpora.models.sparse)
    ask = partial(search, corpora.cluster, config, "money back", mode=SearchMode.RERANK, via=via, size=7)
    answer = ask()
    assert answer.degraded == (
        f"The re-ranker did not answer: Model {corpora.models.sparse} is SPARSE_ENCODING, and search.rerank needs one that is "
        "TEXT_SIMILARITY. Name another.",
    )
    fused = search(corpora.cluster, config, "money back", mode=SearchMode.HYBRID, size=7)
    assert [hit.id for hit in answer.hits] == [hit.id for hit in fused.hits]
    with pytest.raises(TerminalError):
        ask(strict=True)


def test_somebody_else_s_default_pipeline_stays_and_is_left_out(corpora: Corpora) -> None:
    config = corpora.config(1)
    index = search(corpora.cluster, config, "refund").index
    name, setting = "q-somebodys", "index.search.default_pipeline"
    nothing: Json = {"filter_query": {"query": {"match_none": {}}}}
    corpora.cluster.put(f"/_search/pipeline/{name}", {"request_processors": [nothing]})
    corpora.cluster.put(f"/{index}/_settings", {setting: name})
    try:
        for mode in (SearchMode.SPARSE, SearchMode.HYBRID):
            answer = search(corpora.cluster, config, "refund", mode=mode)
            assert (len(answer.hits) > 5, answer.pipeline) == (True, name)
            assert f"{name} of {index} is not ours: this search went without it." in answer.notes[0]
    finally:
        corpora.cluster.put(f"/{index}/_settings", {setting: None})
        corpora.cluster.delete(f"/_search/pipeline/{name}")


def test_the_models_are_those_that_the_index_s_own_pipeline_names(corpora: Corpora) -> None:
    """The corpus file may name another by now: the index was encoded with these."""
    config = corpora.config(1)
    index = search(corpora.cluster, config, "refund").index
    pipeline = search_pipeline(config, {"text_dense": corpora.models.dense})
    assert pipeline is not None
    corpora.cluster.put(f"/_search/pipeline/{pipeline.name}", pipeline.body)
    corpora.cluster.put(f"/{index}/_settings", {"index.search.default_pipeline": pipeline.name})
    changed = searched_config(config.alias, corpora.tickets, corpora.models._replace(dense="another"))
    try:
        answer = search(corpora.cluster, changed, "refund", mode=SearchMode.DENSE)
        assert answer.made_by == {"text_dense": f"model {corpora.models.dense}"}
        assert (answer.pipeline, answer.notes) == (pipeline.name, ())
    finally:
        corpora.cluster.put(f"/{index}/_settings", {"index.search.default_pipeline": None})
        corpora.cluster.delete(f"/_search/pipeline/{pipeline.name}")


def test_a_pipeline_that_was_changed_by_hand_encodes_nothing_and_one_that_was_deleted_is_not_missed(
    corpora: Corpora,
) -> None:
    config, setting = corpora.config(1), "index.search.default_pipeline"
    index = search(corpora.cluster, config, "refund").index
    pipeline = search_pipeline(config, {"text_dense": corpora.models.dense})
    other = search_pipeline(config, {"text_dense": corpora.models.cross})
    assert pipeline is not None
    assert other is not None
    corpora.cluster.put(f"/_search/pipeline/{pipeline.name}", other.body)
    corpora.cluster.put(f"/{index}/_settings", {setting: pipeline.name})
    try:
        answer = search(corpora.cluster, config, "refund", mode=SearchMode.HYBRID)
        assert (
            f"text_dense did not answer: The search pipeline {pipeline.name} of {index} was changed by hand"
            in answer.degraded[0]
        )
        assert answer.hits
        corpora.cluster.delete(f"/_search/pipeline/{pipeline.name}")
        answer = search(corpora.cluster, config, "refund", mode=SearchMode.HYBRID)
        assert (answer.degraded, answer.made_by["text_dense"]) == ((), f"model {corpora.models.dense}")
    finally:
        corpora.cluster.put(f"/{index}/_settings", {setting: None})
        if corpora.cluster.find(f"/_search/pipeline/{pipeline.name}"):
            corpora.cluster.delete(f"/_search/pipeline/{pipeline.name}")


def test_a_query_of_10000_characters_is_answered_by_all_but_full_text(corpora: Corpora) -> None:
    """Which takes 1,024 words, however often they are the same."""
    query = ("money back for a late parcel " * 400)[:10_000]
    for mode in (SearchMode.SPARSE, SearchMode.DENSE):
        assert search(corpora.cluster, reranking(corpora), query, mode=mode, strict=True).hits, mode
    for mode in (SearchMode.HYBRID, SearchMode.RERANK):
        answer = search(corpora.cluster, reranking(corpora), query, mode=mode)
        assert answer.hits, mode
        (said,) = answer.degraded
        assert said.startswith("bm25 did not answer: the query has more words than the cluster takes"), mode


def test_no_query_is_encoded_with_another_encoder_than_the_index_has(corpora: Corpora) -> None:
    changed = searched_config(SHARDS[1], corpora.tickets, corpora.models._replace(dense=corpora.models.cross))
    with pytest.raises(ModelError, match=r"The vectors of 'text_dense' in .* are of another encoder"):
        search(corpora.cluster, changed, "refund", mode=SearchMode.DENSE)
