"""Many golden queries to one index: what stays the same is looked up once, and who is busy for a moment is asked again."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config
from fake_models import FakeModels
from fake_opensearch import fake_cluster, http_error
from sparse_index.config.search import SearchMode
from sparse_index.errors import UnavailableError
from sparse_index.relevance.evaluate import asks, rank
from sparse_index.relevance.golden import GoldenQuery, GoldenSet

SHA = "ab" * 32
GROUP = f"sparse-index-serving--splade--{SHA[:12]}"
MODEL = {"source": "url", "name": "splade", "version": "1", "url": "http://h/m.zip", "sha256": SHA}
CONFIG = corpus_config(
    "things", encoder={"model": MODEL, "lifecycle": "shared"}, search={"query": {"text_sparse": "model"}}
)
GOLDEN = GoldenSet(tuple(GoldenQuery(id=f"q{number}", text=f"word {number}") for number in range(200)), {})


class Live(FakeModels):
    """The index behind the alias, and its shared model; every hundredth predict request raises `error`."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error, self.predicts = error, 0
        its = {"name": "splade", "algorithm": "SPARSE_ENCODING", "model_content_hash_value": SHA}
        self.add("m1", GROUP, answers=True, **its)

    def answer(self, method: str, path: str, body: Any) -> Any:
        if path == "/things":
            self.asked.append(f"{method} {path}")
            return {"things--b1": {"aliases": {"things": {}}, "mappings": {}, "settings": {}}}
        if path == "/things--b1/_search":
            self.asked.append(f"{method} {path}")
            shards = {"total": 1, "successful": 1}
            return {"_shards": shards, "hits": {"hits": [{"_id": "d1", "_score": 1.0, "_source": {}}]}}
        return super().answer(method, path, body)

    def on_predict(self, method: str, rest: list[str], body: Any) -> Any:
        self.predicts += 1
        if self.predicts % 100 == 0:
            raise self.error
        return super().on_predict(method, rest, body)


def test_a_query_costs_one_predict_and_one_search_and_a_refusal_is_asked_again() -> None:
    live = Live(http_error(429, "circuit_breaking_exception", "Memory Circuit Breaker is open"))
    found = rank(asks(fake_cluster(live.answer, attempts=3), CONFIG), GOLDEN, SearchMode.SPARSE)
    assert found == {query.id: ["d1"] for query in GOLDEN.queries}
    said = [path for path in live.asked if "_predict" not in path]
    assert (live.asked.count("GET /things"), live.asked.count("POST /things--b1/_search")) == (1, 200)
    assert len(said) <= 200 + 5, "the index, the group and its models, once"
    assert live.predicts == 1 + 200 + 2, "whether the model answers, each query, and each of the refused again"


def test_a_predict_request_that_may_be_at_work_is_not_asked_again() -> None:
    live = Live(http_error(503, "cluster_block_exception"))
    with pytest.raises(UnavailableError):
        rank(asks(fake_cluster(live.answer, attempts=3), CONFIG), GOLDEN, SearchMode.SPARSE)
    assert live.predicts == 100
