"""How much a re-ranker reads in its time, and what it may answer."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from build_plans import corpus_config
from fake_opensearch import fake_cluster, http_error
from sparse_index.config.search import RerankConfig
from sparse_index.corpus.passages import Passage
from sparse_index.errors import ModelError, UnavailableError
from sparse_index.query.answer import Hit
from sparse_index.query.rerank import pair_text, reranked_by_client, reranks, scores_in_time, similarities

RERANK = RerankConfig.model_validate({"model": {"source": "model_id", "model_id": "r1"}, "depth": 4, "top": 2})
CONFIG = corpus_config("things")


class Reader:
    """A model that takes `ms` a text, on a clock of its own that every request moves on by its share."""

    def __init__(self, ms: float, requests: int) -> None:
        self.read: list[str] = []
        self.requests = 0
        self.now_s = 0.0
        self._ms, self._at_once = ms, requests
        self._lock = threading.Lock()

    def score(self, texts: Sequence[str]) -> list[float]:
        with self._lock:
            self.read += texts
            self.requests += 1
            self.now_s += self._ms * len(texts) / 1000 / self._at_once
        return [float(len(text)) for text in texts]

    def clock(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("ms", "budget_ms", "read"), [(10, 1_500, 50), (100, 1_500, 30), (100, None, 50), (5_000, 1_500, 4), (100, 400, 8)]
)
def test_the_depth_is_what_the_rate_of_the_first_few_allows(ms: float, budget_ms: float | None, read: int) -> None:
    reader = Reader(ms, requests=2)
    scores = scores_in_time(reader.score, ["x" * size for size in range(50)], 2, budget_ms, reader.clock)
    assert scores == [float(size) for size in range(len(scores))]
    assert len(reader.read) == len(scores) == read


def test_the_texts_are_shared_out_evenly_among_the_requests() -> None:
    reader = Reader(1, requests=3)
    scores_in_time(reader.score, ["x"] * 20, 3, None, reader.clock)
    assert reader.requests == 3
    scores_in_time(reader.score, ["x"] * 100, 2, None, reader.clock)
    assert reader.requests == 3 + 4, "none has more than 25"
    assert scores_in_time(reader.score, [], 3, 100, reader.clock) == []


def hits(*texts: str) -> list[Hit]:
    return [Hit(f"d{number}", 1 / number, {"title": text}, text) for number, text in enumerate(texts, start=1)]


def answering(scores: dict[str, Any]) -> Any:
    def answer(method: str, path: str, body: Any) -> Any:
        if "_predict" not in path:
            return {"nodes": {}}
        return {"inference_results": [{"output": [{"data": scores[text]}]} for text in body["text_docs"]]}

    return fake_cluster(answer)


def test_what_was_read_comes_first_and_the_rest_as_it_was() -> None:
    cluster = answering({"a": [-3], "b": [2], "c": [1], "d": [0]})
    done = reranked_by_client(cluster, CONFIG, RERANK, "r1", "q", hits("a", "b", "c", "d", "e"), lambda: 0.0)
    assert [(hit.id, hit.score, hit.rank_before) for hit in done.hits] == [
        ("d2", 2, 2),
        ("d3", 1, 3),
        ("d4", 0, 4),
        ("d1", -3, 1),
        ("d5", 1 / 5, 5),
    ]
    assert done.read == 4


def test_a_weight_below_1_counts_the_former_score_too() -> None:
    """Before: 1, .5, .33, .25, from 0 to 1: 1, .33, .11, 0. Of the model: 0, 1, .8, .6."""
    cluster = answering({"a": [-3], "b": [2], "c": [1], "d": [0]})
    half = RERANK.model_copy(update={"weight": 0.5})
    done = reranked_by_client(cluster, CONFIG, half, "r1", "q", hits("a", "b", "c", "d", "e"), lambda: 0.0)
    assert [hit.id for hit in done.hits] == ["d2", "d1", "d3", "d4", "d5"]
    assert [hit.score for hit in done.hits] == pytest.approx([0.667, 0.5, 0.456, 0.3, 0.2], abs=0.001)
    assert [hit.rank_before for hit in done.hits] == [2, 1, 3, 4, 5]


def test_a_text_is_its_columns_cut_at_so_many_words() -> None:
    """Joined as the cluster joins them, which is with nothing between."""
    hit = Hit("d1", 1.0, {"title": "One  two.", "body": "Three four", "other": "x"}, "")
    assert pair_text(CONFIG, hit, None) == "One  two.Three four"
    assert pair_text(CONFIG, hit, 3) == "One  two.Three four"
    assert pair_text(CONFIG, hit, 2) == "One two.Three"
    assert pair_text(CONFIG, Hit("d1", 1.0, {"body": "alone", "title": None}, ""), 9) == "alone"


def test_the_best_passage_is_read_in_place_of_the_columns() -> None:
    passages = {"text_dense": Passage(3, 10, 20, "the screen is shattered")}
    hit = Hit("d1", 1.0, {"title": "One.", "body": "Two"}, "", passages=passages)
    assert pair_text(CONFIG, hit, None) == "the screen is shattered"
    assert pair_text(CONFIG, hit, 2) == "the screen"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([math.nan], "answers nan for 1 of 2 texts instead of one score a text"),
        (["NaN"], "answers nan for"),
        (["x"], "is no cross-encoder: it answers something else"),
        (None, "is no cross-encoder: it answers something else"),
        ([], "is no cross-encoder: it answers 0 numbers"),
        (
            [0.1, 0.9],
            "is no cross-encoder: it answers 2 numbers .* Name a model in search.rerank that gives one number",
        ),
    ],
)
def test_what_is_no_score_is_refused(wrong: Any, said: str) -> None:
    with pytest.raises(ModelError, match=f"Model r1 of search.rerank {said}"):
        similarities(answering({"a": [1.0], "b": wrong}), "r1", "q", ["a", "b"])


def test_a_text_without_an_answer_is_refused() -> None:
    cluster = fake_cluster(lambda *_: {"inference_results": [{"output": [{"data": [1.0]}]}]})
    with pytest.raises(ModelError, match=r"it answers 1 of 2 texts"):
        similarities(cluster, "r1", "q", ["a", "b"])


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            {"algorithm": "TEXT_EMBEDDING"},
            "Model r1 is TEXT_EMBEDDING, and search.rerank needs one that is TEXT_SIMILARITY",
        ),
        ({"algorithm": "TEXT_SIMILARITY"}, "Model r1 of search.rerank failed: .*class cast"),
    ],
)
def test_a_failure_is_told_by_what_the_model_is(document: dict[str, str], said: str) -> None:
    def answer(method: str, path: str, body: Any) -> Any:
        if "_predict" in path:
            raise http_error(500, "class_cast_exception", "class cast")
        return document

    with pytest.raises(ModelError, match=said):
        similarities(fake_cluster(answer), "r1", "q", ["a"])


def silent(state: str) -> Any:
    """A re-ranker that is not ready, in a state as its document says."""

    def answer(method: str, path: str, body: Any) -> Any:
        if "_predict" in path:
            raise http_error(400, "illegal_argument_exception", "Model not ready yet. Please deploy the model first.")
        return {"algorithm": "TEXT_SIMILARITY", "model_state": state}

    return fake_cluster(answer)


def test_one_that_is_deployed_again_after_a_restart_is_an_outage() -> None:
    with pytest.raises(
        UnavailableError, match=r"model of search.rerank does not answer for now: model r1 is said to be"
    ):
        similarities(silent("DEPLOYED"), "r1", "q", ["a"])
    with pytest.raises(ModelError, match=r"r1 of search.rerank does not answer \(its document says UNDEPLOYED\)"):
        similarities(silent("UNDEPLOYED"), "r1", "q", ["a"])
    for state in ("DEPLOYED", "UNDEPLOYED"):
        assert not reranks(silent(state), "r1")
