"""Who is said not to have answered when a search that re-ranks is refused: the side, the re-ranker or the cluster's own way."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from build_plans import corpus_config
from fake_opensearch import fake_cluster, http_error
from sparse_index.cluster.client import Cluster
from sparse_index.config.search import SearchMode
from sparse_index.errors import (
    AccessError,
    ModelError,
    OverloadedError,
    SparseIndexError,
    TerminalError,
    UnavailableError,
)
from sparse_index.live.attached import Attached
from sparse_index.query.answer import Hit, Via
from sparse_index.query.asking import asked
from sparse_index.query.by_client import fused_by_client
from sparse_index.query.question import Question
from sparse_index.query.target import Target
from sparse_index.query.wish import Findings, Wish, nothing_yet

TOO_MANY = {"type": "too_many_clauses", "reason": "maxClauseCount is set to 1024"}
# Of the model, which puts upside down what the sides say.
READ = {"a": 1.0, "b": 2.0, "c": 3.0}
SIDE, RERANKING, MODEL, SHARD = "bm25", "re-ranking", "model", "shard"


class Refusing:
    """Two sides that find the same three documents, and a model that reads them; some of it answers 400, and of the shards one
    may have no part in the answers."""

    def __init__(self, *refused: str) -> None:
        self.refused = set(refused)

    def __call__(self, method: str, path: str, body: Any) -> Any:
        if path.startswith("/_nodes"):
            return {"nodes": {}}
        if path == "/_cluster/settings":
            return {}
        if path.startswith("/_plugins/_ml/models"):
            return {"algorithm": "TEXT_SIMILARITY", "model_state": "DEPLOYED"}
        if "_predict" in path:
            return self.read(body["text_docs"])
        if path == "/_msearch":
            return {"responses": [self.side(line) for line in list(map(orjson.loads, body.splitlines()))[1::2]]}
        return self.shards | (self.fused(body) if "hybrid" in body["query"] else found(ids_asked(body)))

    @property
    def shards(self) -> Any:
        return {"_shards": {"total": 2, "successful": 2 - (SHARD in self.refused), "failed": 0}}

    def read(self, texts: list[str]) -> Any:
        if MODEL in self.refused:
            raise http_error(400, "illegal_argument_exception", "it does not feel like it")
        return {"inference_results": [{"output": [{"data": [READ[text]]}]} for text in texts]}

    def side(self, body: Any) -> Any:
        if body["query"]["bool"]["_name"] in self.refused:
            return {"error": {"root_cause": [TOO_MANY], **TOO_MANY}, "status": 400}
        return self.shards | found(list(READ))

    def fused(self, body: Any) -> Any:
        if SIDE in self.refused:
            raise http_error(400, TOO_MANY["type"], TOO_MANY["reason"])
        if "response_processors" in body["search_pipeline"] and self.refused - {SHARD}:
            raise http_error(400, "illegal_argument_exception", "no processor of that name")
        return found(list(READ))


def ids_asked(body: Any) -> list[str]:
    ids: list[str] = body["query"]["bool"]["filter"][0]["ids"]["values"]
    return ids


def found(names: list[str]) -> Any:
    return {
        "hits": {
            "hits": [
                {"_id": name, "_score": 1 / rank, "_source": {"title": name}, "matched_queries": {"title": 1 / rank}}
                for rank, name in enumerate(names, start=1)
            ]
        }
    }


def question() -> Question:
    rerank = {"model": {"source": "model_id", "model_id": "r1"}, "max_words": None, "budget_ms": None}
    config = corpus_config("things", search={"sides": ["bm25", "text_sparse"], "rerank": rerank})
    target = Target("things--b1", attached=Attached(settings={"index.number_of_shards": "1"}))
    return Question(config, target, "q", {SIDE: None, "title": None}, [], explain=False)


def search(cluster: Cluster, *, strict: bool = False) -> tuple[list[Hit], Findings]:
    noted = nothing_yet()
    wish = Wish(SearchMode.RERANK, 3, (), explain=False, via=Via.AUTO, strict=strict)
    return list(asked(cluster, question(), wish, noted)), noted


def test_a_side_that_is_refused_is_named_and_the_others_are_re_ranked() -> None:
    hits, noted = search(fake_cluster(Refusing(SIDE)))
    assert [(hit.id, hit.rank_before) for hit in hits] == [("c", 3), ("b", 2), ("a", 1)]
    (said,) = noted.degraded
    assert said.startswith("bm25 did not answer: the query has more words than the cluster takes")
    with pytest.raises(TerminalError, match=r"^the query has more words"):
        search(fake_cluster(Refusing(SIDE)), strict=True)


def test_a_re_ranker_that_does_not_answer_is_named_and_the_hits_stay_as_they_were_fused() -> None:
    hits, noted = search(fake_cluster(Refusing(MODEL)))
    assert [hit.id for hit in hits] == ["a", "b", "c"]
    (said,) = noted.degraded
    assert said.startswith("The re-ranker did not answer: Model r1 of search.rerank failed: ")
    with pytest.raises(ModelError, match=r"Model r1 of search\.rerank failed"):
        search(fake_cluster(Refusing(MODEL)), strict=True)


def test_a_side_and_the_re_ranker_are_both_named() -> None:
    _, noted = search(fake_cluster(Refusing(SIDE, MODEL)))
    assert [said.partition(" did not answer")[0] for said in noted.degraded] == ["bm25", "The re-ranker"]


def test_where_only_the_cluster_s_own_re_ranking_is_refused_we_re_rank_and_say_so() -> None:
    hits, noted = search(fake_cluster(Refusing(RERANKING)))
    assert [hit.id for hit in hits] == ["c", "b", "a"]
    assert noted.via is Via.CLIENT
    (said,) = noted.degraded
    assert said.startswith("The cluster's own re-ranking did not answer: ")
    assert "no processor of that name" in said
    with pytest.raises(TerminalError, match=r"no processor of that name"):
        search(fake_cluster(Refusing(RERANKING)), strict=True)


@pytest.mark.parametrize("others", [(), (SIDE,), (MODEL,)], ids=["by the cluster", "by us", "a closer look"])
def test_a_shard_without_a_part_in_an_answer_is_named_although_it_did_not_fail(others: tuple[str, ...]) -> None:
    _, noted = search(fake_cluster(Refusing(*others, SHARD)))
    noted.require_whole("things--b1", strict=False)
    assert noted.degraded[-1].startswith("1 of 2 shards of things--b1 did not answer: ")
    with pytest.raises(UnavailableError, match="1 of 2 shards of things--b1 did not answer"):
        noted.require_whole("things--b1", strict=True)


def test_of_whole_answers_nothing_is_said() -> None:
    _, noted = search(fake_cluster(Refusing()))
    noted.require_whole("things--b1", strict=True)
    assert noted.degraded == []


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (429, "rejected_execution_exception", OverloadedError),
        (503, "no_shard_available_action_exception", UnavailableError),
        (500, "node_disconnected_exception", UnavailableError),
        (403, "security_exception", AccessError),
        (400, "illegal_argument_exception", TerminalError),
    ],
)
def test_what_passes_for_a_whole_search_passes_for_one_of_several(
    status: int, kind: str, expected: type[SparseIndexError]
) -> None:
    said = {"root_cause": [{"type": kind, "reason": "why"}], "type": kind, "reason": "why"}

    def answer(method: str, path: str, body: Any) -> Any:
        sides = list(map(orjson.loads, body.splitlines()))[1::2]
        return {"responses": [{"error": said, "status": status} for _ in sides]}

    with pytest.raises(expected, match=f"{kind}: why") as caught:
        fused_by_client(fake_cluster(answer), question(), 3, nothing_yet())
    assert (type(caught.value), caught.value.status) == (expected, status)


def by_us(answers: dict[str, Any]) -> tuple[list[Hit], Findings]:
    """Two shards, each asked by itself; `answers`: by their numbers."""

    def answer(method: str, path: str, body: Any) -> Any:
        if path == "/_msearch":
            asked_shards = [
                line["preference"].removeprefix("_shards:") for line in map(orjson.loads, body.splitlines()[::2])
            ]
            return {"responses": [answers[shard] for shard in asked_shards]}
        return WHOLE | found(ids_asked(body))

    config = corpus_config("things", search={"sides": ["bm25", "text_sparse"], "fusion": {"type": "min_max"}})
    target = Target("things--b1", attached=Attached(settings={"index.number_of_shards": "2"}))
    question = Question(config, target, "q", {SIDE: None, "title": None}, [], explain=False)
    noted, wish = nothing_yet(), Wish(SearchMode.HYBRID, 3, (), explain=False, via=Via.CLIENT)
    return list(asked(fake_cluster(answer), question, wish, noted)), noted


WHOLE = {"_shards": {"total": 1, "successful": 1, "failed": 0}}
AWAY = {
    "error": {"type": "search_phase_execution_exception", "reason": "all shards failed", "root_cause": []},
    "status": 503,
}


def test_a_shard_that_is_asked_by_itself_and_is_away_leaves_the_others() -> None:
    hits, noted = by_us({"0": WHOLE | found(["a", "b"]), "1": AWAY})
    assert [hit.id for hit in hits] == ["a", "b"]
    assert (noted.away, noted.degraded) == ((1, 2), [])


def test_where_all_shards_are_away_that_is_an_outage_and_a_refusal_is_none() -> None:
    with pytest.raises(UnavailableError, match=r"is not ready .503.: .*all shards failed"):
        by_us({"0": AWAY, "1": AWAY})
    with pytest.raises(TerminalError, match="the query has more words"):
        by_us({"0": AWAY, "1": {"error": {"root_cause": [TOO_MANY], **TOO_MANY}, "status": 400}})
