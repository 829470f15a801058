"""The bodies of docs/search.md, sent as they stand there: they give what `search` gives. And its traps, which still snap."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from searched import live, remove_served, searched_config, toy_models, write_tickets
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchMode
from sparse_index.errors import SparseIndexError
from sparse_index.query.answer import Via
from sparse_index.query.encoding import Given, analyzer_tokens
from sparse_index.query.search import search

pytestmark = pytest.mark.integration
PAGE = Path(__file__).parents[2] / "docs" / "search.md"
BODIES: dict[str, Json] = {
    name: json.loads(body) for name, body in re.findall(r"```json (\w+)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
}
ALIAS = "q-bodies"
QUERY = "refund for a late parcel"
FILTERS = ["category=delivery"]


@pytest.fixture(scope="module")
def config(plain_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CorpusConfig]:
    """Live, with what serving would have put."""
    tickets = write_tickets(tmp_path_factory.mktemp("bodies"), 120)
    with toy_models(plain_cluster) as models:
        rerank = {"model": {"source": "model_id", "model_id": models.cross}, "max_words": None, "budget_ms": None}
        sides = ["bm25", "text_sparse", "text_dense"]
        config = searched_config(ALIAS, tickets, models, sides=sides, rerank=rerank)
        live(plain_cluster, config)
        yield config
        remove_served(plain_cluster, ALIAS)


def sent(cluster: Cluster, body: Json, pipeline: str | None = None) -> list[Json]:
    params = {} if pipeline is None else {"search_pipeline": pipeline}
    hits: list[Json] = cluster.request("POST", f"/{ALIAS}/_search", body, params=params)["hits"]["hits"]
    return hits


def reranking() -> Json:
    return {**BODIES["hybrid"], **BODIES["rerank"], "size": 5}


@pytest.mark.parametrize("mode", list(SearchMode))
def test_a_body_of_the_page_gives_what_search_gives(
    plain_cluster: Cluster, config: CorpusConfig, mode: SearchMode
) -> None:
    if mode is SearchMode.RERANK:
        found = sent(plain_cluster, reranking(), pipeline=f"{ALIAS}--rerank")
    else:
        found = sent(plain_cluster, BODIES[mode])
    answer = search(plain_cluster, config, QUERY, mode=mode, filters=FILTERS, via=Via.SERVER)
    assert len(found) == len(answer.hits) == (5 if mode is SearchMode.RERANK else 10)
    assert [hit["_score"] for hit in found] == pytest.approx([hit.score for hit in answer.hits], abs=1e-5)
    assert all(hit["_source"]["category"] == "delivery" for hit in found)
    scores = {hit.id: hit.score for hit in answer.hits}
    assert all(scores.get(hit["_id"], hit["_score"]) == pytest.approx(hit["_score"], abs=1e-5) for hit in found)
    assert "text_dense" not in found[0]["_source"]


@pytest.mark.parametrize("analyzer", ["standard", "bert-uncased", "mbert-uncased"])
def test_words_weigh_what_the_cluster_gives_them_where_a_body_names_the_analyzer(
    plain_cluster: Cluster, config: CorpusConfig, analyzer: str
) -> None:
    query = "late, late parcel for a late order"
    body = {"query": {"neural_sparse": {"text_sparse": {"query_text": query, "analyzer": analyzer}}}}
    found = {hit["_id"]: hit["_score"] for hit in sent(plain_cluster, body | {"search_pipeline": "_none"})}
    answer = search(plain_cluster, config, query, mode=SearchMode.SPARSE, given=Given(analyzer=analyzer))
    assert answer.made_by == {"text_sparse": f"analyzer {analyzer}"}
    assert (len(set(answer.tokens["text_sparse"].values())) > 1) == (analyzer != "standard")
    assert list(found.values()) == pytest.approx([hit.score for hit in answer.hits], rel=1e-5)


def test_an_analyzer_of_the_index_says_its_last_words(plain_cluster: Cluster) -> None:
    analysis = {
        "analyzer": {
            "filtered": {"type": "custom", "tokenizer": "standard", "filter": ["lowercase", "weighed"]},
            "bare": {"type": "custom", "tokenizer": "whitespace"},
        },
        "filter": {"weighed": {"type": "delimited_payload", "delimiter": "_"}},
    }
    plain_cluster.request("PUT", f"/{ALIAS}-analysis", {"settings": {"analysis": analysis}})
    try:
        assert analyzer_tokens(plain_cluster, f"{ALIAS}-analysis", "Late Late_2.5", "filtered") == {"late": 2.5}
        assert analyzer_tokens(plain_cluster, f"{ALIAS}-analysis", "Late late", "bare") == {"Late": 1.0, "late": 1.0}
    finally:
        plain_cluster.request("DELETE", f"/{ALIAS}-analysis")


def test_the_fusion_may_stand_in_the_body(plain_cluster: Cluster, config: CorpusConfig) -> None:
    sides = BODIES["hybrid"]["query"]["hybrid"]
    without_model = {**sides, "queries": sides["queries"][1:]}
    body = BODIES["hybrid"] | {"query": {"hybrid": without_model}} | BODIES["inline"]
    two = config.model_copy(update={"search": config.search.model_copy(update={"sides": ("bm25", "text_sparse")})})
    answer = search(plain_cluster, two, QUERY, mode=SearchMode.HYBRID, filters=FILTERS)
    assert [hit["_score"] for hit in sent(plain_cluster, body)] == pytest.approx([hit.score for hit in answer.hits])


@pytest.mark.usefixtures("config")
def test_a_hybrid_that_nobody_fuses_is_garbage(plain_cluster: Cluster) -> None:
    sides = BODIES["hybrid"]["query"]["hybrid"]
    body = {"query": {"hybrid": {**sides, "queries": sides["queries"][1:]}}, "search_pipeline": "_none"}
    assert min(hit["_score"] for hit in sent(plain_cluster, body)) < 0


@pytest.mark.usefixtures("config")
def test_a_bool_around_a_hybrid_adds_raw_scores(plain_cluster: Cluster) -> None:
    inside = BODIES["hybrid"]["query"]
    around = {"bool": {"must": [inside], "filter": [{"term": {"category.keyword": "delivery"}}]}}
    fused = sent(plain_cluster, {"query": inside})
    assert fused[0]["_score"] < 0.06
    assert sent(plain_cluster, {"query": around})[0]["_score"] > 1


@pytest.mark.usefixtures("config")
def test_a_re_ranker_that_reads_nothing_gives_every_hit_one_score(plain_cluster: Cluster) -> None:
    found = sent(plain_cluster, reranking() | {"_source": False}, pipeline=f"{ALIAS}--rerank")
    assert len({hit["_score"] for hit in found}) == 1


@pytest.mark.usefixtures("config")
def test_a_pipeline_that_re_ranks_refuses_every_other_search(plain_cluster: Cluster) -> None:
    with pytest.raises(SparseIndexError):
        sent(plain_cluster, {"size": 0}, pipeline=f"{ALIAS}--rerank")


@pytest.mark.usefixtures("config")
def test_the_page_s_length_moves_scores_where_no_depth_is_said(plain_cluster: Cluster) -> None:
    queries = BODIES["hybrid"]["query"]["hybrid"]["queries"]
    short, long = (
        sent(plain_cluster, {"size": size, "query": {"hybrid": {"queries": queries}}})[:3] for size in (3, 50)
    )
    assert [hit["_score"] for hit in short] != [hit["_score"] for hit in long]
