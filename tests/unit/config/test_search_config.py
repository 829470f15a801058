"""The `search` section of a corpus file: what it says where it says nothing, and values that cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from build_plans import corpus_config
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import Fusion, RerankConfig, SearchConfig

MODEL = {"source": "model_id", "model_id": "m"}
VECTORS = {
    "text_sparse": {"kind": "sparse", "encoder": {"model": MODEL}},
    "text_dense": {"kind": "dense", "dimension": 3, "encoder": {"model": MODEL}},
}


def config(**search: Any) -> CorpusConfig:
    raw = corpus_config("things").model_dump(exclude_unset=True, exclude={"encoder"})
    return CorpusConfig.model_validate(raw | {"vectors": VECTORS, "search": search})


def test_a_corpus_that_says_nothing_is_asked_as_before() -> None:
    old = corpus_config("things")
    assert (old.search, old.sides, old.query_way("text_sparse")) == (SearchConfig(), ("text_sparse",), "analyzer")
    assert old.model_side_fields == ()


def test_every_vector_field_is_a_side_unless_sides_are_named() -> None:
    """Those that a model encodes come first."""
    assert config().sides == ("text_dense", "text_sparse")
    assert config(sides=["bm25", "text_dense"]).sides == ("text_dense", "bm25")
    assert config(query={"text_sparse": "model"}).sides == ("text_sparse", "text_dense")


def test_a_dense_vector_of_a_query_comes_from_a_model_and_tokens_where_the_file_says_so() -> None:
    assert config().model_side_fields == ("text_dense",)
    assert config(query={"text_sparse": "model"}).model_side_fields == ("text_sparse", "text_dense")


def test_search_is_no_part_of_a_document() -> None:
    assert config(sides=["bm25", "text_dense"], candidates=7).document_hash() == config().document_hash()


def test_a_word_is_a_fusion_without_weights() -> None:
    assert config(fusion="min_max").search.fusion == Fusion(type="min_max")
    read_back = CorpusConfig.model_validate_json(config(fusion="min_max").model_dump_json())
    assert read_back == config(fusion="min_max")


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"fusion": {"type": "min_max", "weights": {"text_sparse": 0.5, "text_dense": 0.4}}}, "the weights sum to 0.9"),
        ({"fusion": {"type": "rrf", "weights": {"text_sparse": 1}}}, "only min_max has weights"),
        ({"fusion": "harmonic_mean"}, "'rrf' or 'min_max'"),
        ({"sides": ["bm25", "bm25"]}, "a side stands there twice"),
        ({"sides": ["bm25", *"abcde"]}, "6 sides: a hybrid query takes 5 at most"),
        ({"candidates": 0}, "greater than or equal to 1"),
        ({"candidates": 10_001}, "less than or equal to 10000"),
        ({"query": {"text_sparse": "words"}}, "'model', 'analyzer' or 'tokens'"),
    ],
)
def test_a_value_that_cannot_be_is_refused(search: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SearchConfig.model_validate(search)


def test_a_re_ranker_gives_no_more_than_it_read() -> None:
    with pytest.raises(ValidationError, match=r"top \(6\) is more than depth \(5\)"):
        RerankConfig.model_validate({"model": MODEL, "depth": 5, "top": 6})
