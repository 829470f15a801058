"""The default search pipeline that a build names: what serving has put, or a word on what to do."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config
from fake_opensearch import fake_cluster, http_error
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import ConfigError, UnavailableError
from sparse_index.query.default_pipeline import default_pipeline
from sparse_index.query.pipelines import search_pipeline

SEARCH = {"sides": ["bm25", "text_sparse"], "query": {"text_sparse": "model"}}
OWN = {"source": "url", "name": "splade", "version": "1", "url": "http://h/m.zip", "sha256": "ab" * 32}


def found(
    config: CorpusConfig, pipelines: dict[str, Any], *, answers: bool = True, state: str = "UNDEPLOYED"
) -> str | None:
    """With the model `m1`, which is there in a `state` and answers or does not, and these pipelines."""

    def answer(method: str, path: str, body: Any) -> Any:
        if "/_predict/" in path:
            if not answers:
                raise http_error(400, "illegal_argument_exception", "Model not ready yet.")
            return {"inference_results": [{"output": [{"dataAsMap": {"response": [{"a": 1.0}]}}]}]}
        if path.startswith("/_search/pipeline/"):
            name = path.rsplit("/", 1)[-1]
            if name not in pipelines:
                raise http_error(404, "resource_not_found_exception")
            return {name: pipelines[name]}
        return {"model_content_hash_value": "ab" * 32, "model_state": state}

    pipeline = default_pipeline(fake_cluster(answer), config)
    return None if pipeline is None else pipeline.name


def test_a_corpus_that_says_nothing_of_its_searches_asks_for_nothing() -> None:
    def answer(method: str, path: str, body: Any) -> Any:
        pytest.fail(f"{method} {path}")

    assert default_pipeline(fake_cluster(answer), corpus_config("things")) is None


def test_what_serving_has_put_is_named() -> None:
    config = corpus_config("things", search=SEARCH)
    wanted = search_pipeline(config, {"text_sparse": "m1"})
    assert wanted is not None
    assert found(config, {wanted.name: wanted.body}) == wanted.name
    nothing: dict[str, Any] = {}
    for other in (nothing, {wanted.name: nothing}):
        with pytest.raises(
            ConfigError, match=rf"{wanted.name}.* is not there as it should be: run the serving DAG first"
        ):
            found(config, other)


def test_a_model_that_does_not_answer_is_named_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"for 'text_sparse' does not answer: run the serving DAG first"):
        found(corpus_config("things", search=SEARCH), {}, answers=False)


def test_a_model_that_is_deployed_again_after_a_restart_is_an_outage() -> None:
    with pytest.raises(
        UnavailableError, match=r"for 'text_sparse' does not answer for now: model m1 is said to be deployed"
    ):
        found(corpus_config("things", search=SEARCH), {}, answers=False, state="DEPLOYED")


def test_a_model_that_each_run_deletes_encodes_no_query() -> None:
    config = corpus_config(
        "things",
        encoder={"model": OWN},
        search=SEARCH | {"rerank": {"model": {"source": "model_id", "model_id": "r"}}},
    )
    with pytest.raises(ConfigError, match=r"for text_sparse, and each run deletes that model. Set lifecycle: shared"):
        found(config, {})
