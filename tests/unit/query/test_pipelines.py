"""The search pipeline that a corpus's configuration asks for: its name, and what it does."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import Fusion
from sparse_index.errors import ConfigError
from sparse_index.query.pipelines import SearchPipeline, fusing, fusing_pipeline, rerank_pipeline, search_pipeline

MODEL = {"source": "model_id", "model_id": "m"}
VECTORS = {
    "text_sparse": {"kind": "sparse", "encoder": {"model": MODEL}},
    "text_dense": {"kind": "dense", "dimension": 3, "encoder": {"model": MODEL}},
}
MODELS = {"text_sparse": "s1", "text_dense": "d1"}
ENRICHER = {"neural_query_enricher": {"neural_field_default_id": {"text_dense": "d1"}, "ignore_failure": True}}
RRF = {"score-ranker-processor": {"combination": {"technique": "rrf", "rank_constant": 60}}}


def config(**search: Any) -> CorpusConfig:
    raw = corpus_config("things").model_dump(exclude_unset=True, exclude={"encoder"})
    return CorpusConfig.model_validate(raw | {"vectors": VECTORS, "search": search})


def pipeline(**search: Any) -> SearchPipeline:
    found = search_pipeline(config(**search), MODELS)
    assert found is not None
    return found


def test_one_side_without_a_model_needs_none() -> None:
    assert search_pipeline(corpus_config("things"), {}) is None


def test_it_encodes_for_the_model_side_fields_and_fuses_the_sides() -> None:
    assert pipeline().body == {"request_processors": [ENRICHER], "phase_results_processors": [RRF]}
    # Nothing fails where every field has a model.
    both = pipeline(query={"text_sparse": "model"}).body["request_processors"][0]["neural_query_enricher"]
    assert both == {"neural_field_default_id": MODELS}


def test_weights_stand_in_the_order_of_the_sides() -> None:
    """Those that a model encodes come first."""
    weights = {"text_dense": 0.7, "bm25": 0.3}
    (fusing,) = pipeline(sides=["bm25", "text_dense"], fusion={"type": "min_max", "weights": weights}).body[
        "phase_results_processors"
    ]
    assert fusing["normalization-processor"]["combination"]["parameters"] == {"weights": [0.7, 0.3]}
    (equal,) = pipeline(fusion="min_max").body["phase_results_processors"]
    assert equal["normalization-processor"] == {
        "normalization": {"technique": "min_max"},
        "combination": {"technique": "arithmetic_mean"},
    }


@pytest.mark.parametrize(
    ("sides", "sent"),
    [
        (["bm25", "text_dense"], [1 / 8, 7 / 8]),
        (["text_sparse"], [1.0]),
        (["nothing"], [1.0]),
    ],
)
def test_the_sides_that_are_left_share_the_weight_of_one_that_failed(sides: list[str], sent: list[float]) -> None:
    """A cluster refuses weights that do not sum to 1."""
    weights = {"bm25": 0.1, "text_sparse": 0.2, "text_dense": 0.7, "nothing": 0.0}
    (processor,) = fusing(Fusion(type="min_max", weights=weights), sides)["phase_results_processors"]
    assert processor["normalization-processor"]["combination"]["parameters"]["weights"] == pytest.approx(sent)


def test_weights_of_all_sides_stay_as_they_are_written_and_with_them_the_name() -> None:
    """Whose sum is 0.9999999999999999."""
    weights = {"text_dense": 0.7, "text_sparse": 0.2, "bm25": 0.1}
    (processor,) = fusing(Fusion(type="min_max", weights=weights), list(weights))["phase_results_processors"]
    assert processor["normalization-processor"]["combination"]["parameters"]["weights"] == [0.7, 0.2, 0.1]


def test_its_name_follows_from_its_content_alone() -> None:
    first = pipeline()
    assert first.name.startswith("things--q")
    assert len(first.name) == len("things--q") + 12
    assert pipeline(candidates=7).name == first.name
    assert pipeline(fusion="min_max").name != first.name
    other_model = search_pipeline(config(), MODELS | {"text_dense": "d2"})
    assert other_model is not None
    assert other_model.name != first.name


def test_a_field_without_its_model_is_named() -> None:
    with pytest.raises(ConfigError, match="No model encodes the queries of 'things' for text_dense"):
        search_pipeline(config(), {"text_sparse": "s1"})


@pytest.mark.parametrize("deepens", [True, False])
def test_the_re_ranking_one_does_all_of_it_by_itself(deepens: bool) -> None:
    one = config(rerank={"model": MODEL, "depth": 40, "top": 8})
    found = rerank_pipeline(one, fusing_pipeline(one, MODELS), "r1", deepens=deepens)
    read = {"rerank": {"ml_opensearch": {"model_id": "r1"}, "context": {"document_fields": ["title", "body"]}}}
    assert found is not None
    assert found.name == "things--rerank"
    assert found.body == {
        "request_processors": [ENRICHER, *([{"oversample": {"sample_factor": 5.0}}] if deepens else [])],
        "phase_results_processors": [RRF],
        "response_processors": [read, *([{"truncate_hits": {}}] if deepens else [])],
    }


def test_where_nothing_re_ranks_there_is_no_second_one() -> None:
    assert rerank_pipeline(config(), {}, "r1", deepens=True) is None
