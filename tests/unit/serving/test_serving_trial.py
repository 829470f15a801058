"""What a search pipeline is tried with before an index names it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from build_plans import corpus_config
from fake_opensearch import fake_cluster, http_error
from sparse_index.errors import ConfigError, UnavailableError
from sparse_index.names import rerank_pipeline_name
from sparse_index.serving.seen import Seen, SeenIndex
from sparse_index.serving.trial import trials, try_pipelines

GIVEN = {"source": "model_id", "model_id": "m1"}
LIVE = SeenIndex("things--b20260102t000000-000000", live=True, kept=True, pipeline=None, fits=True)
EVERYTHING: dict[str, Any] = {"match_all": {}}


def seen(*sides: str, indices: tuple[SeenIndex, ...] = (LIVE,), **search: Any) -> Seen:
    config = corpus_config(
        "things",
        encoder={"model": GIVEN},
        search={"sides": list(sides), "query": {"text_sparse": "model"}} | search,
    )
    return Seen(config, (), {"text_sparse": "m1", "rerank": "r1"}, {}, {}, indices)


def test_every_side_is_asked_and_the_cluster_has_to_encode_the_text() -> None:
    one = seen("bm25", "text_sparse")
    (name,) = one.wanted
    tried = dict(trials(one, name, {"text_sparse"}))
    encoded = {"neural_sparse": {"text_sparse": {"query_text": "Does this pipeline answer?"}}}
    assert tried["text_sparse"]["query"] == encoded
    queries = tried["all sides"]["query"]["hybrid"]["queries"]
    assert dict(zip(one.config.sides, queries, strict=True)) == {"text_sparse": encoded, "bm25": EVERYTHING}


def test_a_field_that_is_yet_to_come_is_not_asked_for() -> None:
    one = seen("bm25", "text_sparse")
    (name,) = one.wanted
    ((what, body),) = trials(one, name, {"title"})
    assert (what, body["query"]["hybrid"]["queries"]) == ("all sides", [EVERYTHING, EVERYTHING])


def test_one_side_is_no_hybrid_and_a_reranker_gets_its_text() -> None:
    one = seen("text_sparse", rerank={"model": {"source": "model_id", "model_id": "r1"}})
    ((_, body),) = trials(one, rerank_pipeline_name("things"), {"text_sparse"})
    assert list(body["query"]) == ["neural_sparse"]
    assert body["ext"]["rerank"]["query_context"]["query_text"]


def test_a_reranker_of_an_index_that_was_built_otherwise_is_not_asked_by_the_sides_of_now() -> None:
    """Its pipeline fuses as many sides as that index has."""
    former = (replace(LIVE, fits=False),)
    one = seen("bm25", "text_sparse", indices=former, rerank={"model": {"source": "model_id", "model_id": "r1"}})
    ((_, body),) = trials(one, rerank_pipeline_name("things"), {"text_sparse"})
    assert (body["query"], list(body["ext"])) == (EVERYTHING, ["rerank"])


def test_each_is_tried_by_its_name_and_one_that_fails_is_named_by_no_index() -> None:
    one = seen("bm25", "text_sparse")
    (name,) = one.wanted
    asked: list[str] = []

    def answer(method: str, path: str, body: Any) -> Any:
        asked.append(f"{method} {path} {'neural_sparse' in str(body)}")
        return {}

    assert try_pipelines(fake_cluster(answer), one) == [name]
    search = f"POST /{LIVE.name}/_search"
    assert asked == [f"{search} False"], "the index has no field as the configuration wants it"
    asked.clear()
    takes_it = seen("bm25", "text_sparse", indices=(replace(LIVE, alike=frozenset({"text_sparse"})),))
    assert try_pipelines(fake_cluster(answer), takes_it) == [name]
    assert asked == [f"{search} True", f"{search} True"]

    def refuse(method: str, path: str, _: Any) -> Any:
        raise http_error(400, "illegal_argument_exception", "no such thing")

    with pytest.raises(
        ConfigError, match=rf"{name} does not work \(all sides\): .*no such thing.*No index was made to name it"
    ):
        try_pipelines(fake_cluster(refuse), one)


@pytest.mark.parametrize(
    ("states", "error"),
    [
        ({"m1": "DEPLOYED", "m2": "PARTIALLY_DEPLOYED"}, UnavailableError),
        ({"m1": "DEPLOYED", "m2": "UNDEPLOYED"}, ConfigError),
    ],
)
def test_models_that_are_deployed_again_after_a_restart_are_an_outage(
    states: dict[str, str], error: type[Exception]
) -> None:
    vectors = {
        name: {"kind": "sparse", "encoder": {"model": {"source": "model_id", "model_id": model}}}
        for name, model in {"one": "m1", "two": "m2"}.items()
    }
    config = corpus_config("things", vectors=vectors, search={"query": {"one": "model", "two": "model"}})
    both = Seen(config, (), {"one": "m1", "two": "m2"}, {}, {}, (LIVE,))

    def answer(method: str, path: str, _: Any) -> Any:
        if path.endswith("_search"):
            raise http_error(400, "illegal_argument_exception", "Model not ready yet. Please deploy the model first.")
        if "/models/" in path:
            return {"model_state": states[path.rsplit("/", 1)[-1]]}
        return {}

    with pytest.raises(error, match=next(iter(both.wanted))):
        try_pipelines(fake_cluster(answer), both)


def test_without_a_live_index_nothing_is_asked() -> None:
    def answer(method: str, path: str, _: Any) -> Any:
        pytest.fail(f"{method} {path}")

    assert try_pipelines(fake_cluster(answer), seen("bm25", "text_sparse", indices=())) == []
