"""What long texts make of a kind of vectors: the field, the document and the query."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sparse_index.config.vectors import FIELD_KINDS, DenseField, SparseField
from sparse_index.vectors.kind import Asked, Piece, Shown, VectorKind
from sparse_index.vectors.kinds import vector_kind

MODEL = {
    "source": "file",
    "name": "m",
    "version": "1",
    "path": "m.zip",
    "model_config_body": {"embedding_dimension": 2},
}
FILTER = {"term": {"category": "delivery"}}
SHOWN = {"number": 0, "start": 0, "end": 2, "text": "ab"}


def sparse(long_texts: str, **encoder: Any) -> VectorKind:
    field = {"kind": "sparse", "long_texts": long_texts, "encoder": {"model": MODEL, **encoder}}
    return vector_kind(SparseField.model_validate(field))


def dense(long_texts: str) -> VectorKind:
    field = {"kind": "dense", "dimension": 2, "long_texts": long_texts, "encoder": {"model": MODEL}}
    return vector_kind(DenseField.model_validate(field))


def stored(**weights: float) -> dict[str, pa.Scalar]:
    tokens = pa.scalar(list(weights), pa.list_(pa.string()))
    return {"tokens": tokens, "weights": pa.scalar(list(weights.values()), pa.list_(pa.float32()))}


def numbers(*values: float) -> dict[str, pa.Scalar]:
    return {"vector": pa.scalar(list(values), pa.list_(pa.float32(), 2))}


def test_a_text_that_stays_whole_has_the_vector_itself() -> None:
    assert sparse("truncate").value([Piece(stored(a=2.0))]) == {"a": 2.0}
    assert sparse("truncate").value([Piece(stored())]) is None


def test_max_takes_the_largest_weight_of_each_token_in_order() -> None:
    pieces = [Piece(stored(a=2.0, b=1.0)), Piece(stored(b=3.0)), Piece(stored())]
    value = sparse("max").value(pieces)
    assert list(value.items()) == [("b", 3.0), ("a", 2.0)]
    assert all(isinstance(weight, np.float32) for weight in value.values()), "written with their own few digits"
    assert sparse("max").value([Piece(stored())]) is None


def test_max_is_pruned_as_one_vector() -> None:
    pieces = [Piece(stored(a=1.0, b=0.6)), Piece(stored(c=10.0))]
    assert sparse("max", pruning={"type": "max_ratio", "value": 0.1}).value(pieces) == {"c": 10.0, "a": 1.0}
    assert sparse("max", pruning={"type": "top_k", "value": 1}).value(pieces) == {"c": 10.0}


def test_passages_are_a_nested_field_whose_passages_have_a_vector_each() -> None:
    kind = sparse("passages")
    assert kind.mapping["type"] == "nested"
    assert kind.mapping["properties"]["vector"] == {"type": "rank_features"}
    assert kind.value([Piece(stored(a=2.0), SHOWN)]) == [SHOWN | {"vector": {"a": 2.0}}]
    value = kind.value([Piece(stored(a=2.0, b=1.0), SHOWN), Piece(stored(), SHOWN)])
    assert kind.vectors_in(value) == [{"a": 2.0, "b": 1.0}, None]
    assert dense("passages").mapping["properties"]["vector"]["type"] == "knn_vector"
    (passage,) = dense("passages").value([Piece(numbers(1.0, 0.0), SHOWN)])
    assert passage["vector"].tolist() == [1.0, 0.0]


def test_the_best_passage_gives_the_score_and_is_shown() -> None:
    query = sparse("passages").clause("text_sparse", {"a": 1.0}, Asked(10))
    assert query["nested"]["query"] == {"neural_sparse": {"text_sparse.vector": {"query_tokens": {"a": 1.0}}}}
    assert (query["nested"]["path"], query["nested"]["score_mode"]) == ("text_sparse", "max")
    assert "inner_hits" not in query["nested"]
    told = sparse("passages").clause("text_sparse", {"a": 1.0}, Asked(10, shows=True))["nested"]
    assert (told["inner_hits"]["name"], told["inner_hits"]["size"]) == ("text_sparse", 1)
    assert "text_sparse.vector" in told["inner_hits"]["_source"], "its tokens say what matched"
    numbers_ = dense("passages").clause("d", np.array([1.0, 0.0], np.float32), Asked(10, shows=True))["nested"]
    assert "d.vector" not in numbers_["inner_hits"]["_source"]


def test_a_hit_tells_the_passage_that_it_was_found_by() -> None:
    inner = {"s": {"hits": {"hits": [{"_source": SHOWN | {"vector": {"a": 2.0}}}]}}}
    assert sparse("passages").shown("s", {"_source": {}, "inner_hits": inner}) == Shown({"a": 2.0}, SHOWN)
    nothing: dict[str, Any] = {"s": {"hits": {"hits": []}}}
    assert sparse("passages").shown("s", {"_source": {}, "inner_hits": nothing}) == Shown()
    assert sparse("truncate").shown("s", {"_source": {"s": {"a": 2.0}}}) == Shown({"a": 2.0})


def test_filters_stand_where_the_document_is_seen() -> None:
    beside = sparse("passages").clause("s", {"a": 1.0}, Asked(10, [FILTER]))
    assert beside["bool"]["filter"] == [FILTER]
    assert "filter" not in str(beside["bool"]["must"])
    inside = dense("passages").clause("d", np.array([1.0, 0.0], np.float32), Asked(10, [FILTER]))
    assert inside["nested"]["query"]["knn"]["d.vector"]["filter"] == {"bool": {"filter": [FILTER]}}


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"long_texts": "max", "kind": "dense", "dimension": 2}, "`long_texts: max` is for sparse vectors"),
        ({"passages": {}}, "passages is for `long_texts: passages` or `max`"),
        (
            {"long_texts": "passages", "passages": {"overlap": 101}},
            r"overlap \(101\) is more than half of tokens \(200\)",
        ),
        ({"long_texts": "passages", "passages": {"tokens": 511}}, r"passages.tokens \(511\) .*encoder.max_tokens 512"),
        ({"long_texts": "passages", "encoder": {"model": {"source": "model_id", "model_id": "m"}}}, "not model_id"),
    ],
)
def test_what_does_not_go_together_is_refused(field: dict[str, Any], message: str) -> None:
    values = {"kind": "sparse", "encoder": {"model": MODEL}} | field
    with pytest.raises(ValueError, match=message):
        FIELD_KINDS[values["kind"]].model_validate(values)
