"""The dense kind: what it takes from a model's answer, keeps, puts into a document and asks in a search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest

from kinds_of_vectors import SPARSE
from sparse_index.errors import ModelError
from sparse_index.store.files import Store
from sparse_index.vectors.dense import dense_kind
from sparse_index.vectors.files import PartFiles, merge_vectors
from sparse_index.vectors.kind import Asked, Refused, VectorKind

DENSE = dense_kind(3, "cosinesimil")
SPARSE_ANSWER = {"inference_results": [{"output": [{"name": "response", "dataAsMap": {"response": [{"cat": 1.0}]}}]}]}


def answer(*texts: Any) -> dict[str, Any]:
    """As ML Commons gives it, one result a text."""
    return {"inference_results": [{"output": [{"name": "sentence_embedding", "data": data}]} for data in texts]}


def test_a_request_asks_for_the_sentence_embedding_as_numbers() -> None:
    assert DENSE.predict_path("m1") == "/_plugins/_ml/_predict/text_embedding/m1"
    assert DENSE.predict_body(["a", "b"]) == {
        "text_docs": ["a", "b"],
        "return_number": True,
        "target_response": ["sentence_embedding"],
    }


def test_an_answer_is_an_output_a_text_in_their_order() -> None:
    first, second = DENSE.read(answer([1, 2, 3], [0.5, 0, -1]), 2)
    assert (first.tolist(), second.tolist()) == ([1, 2, 3], [0.5, 0, -1])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (answer([1, 2]), "the model answers 2 numbers, `dimension` is 3"),
        (answer([1, 2, 3], [1, 2, 3]), "answer to 1 text"),
        (SPARSE_ANSWER, "Is it a dense .* model.* `kind: sparse`"),
        (answer([[1, 2, 3]]), "not one list of numbers a text"),
        (answer(["cat", 1, 2]), "not one list of numbers a text"),
        (answer(None), "not one list of numbers a text"),
        ({}, "not one list of numbers a text"),
        ({"inference_results": [{"output": []}]}, "not one list of numbers a text"),
    ],
)
def test_another_answer_is_an_error_that_says_what_to_do(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        DENSE.read(given, 1)


def test_a_dense_answer_to_a_sparse_field_is_an_error() -> None:
    with pytest.raises(ModelError, match="Is it a sparse encoding model"):
        SPARSE.read(answer([1, 2, 3]), 1)


@pytest.mark.parametrize("data", [["NaN", 1, 2], [1, "Infinity", 2], [1, 2, 1e39], [float("nan"), 0, 0]])
def test_what_is_not_finite_is_refused_and_its_neighbours_are_not(data: list[Any]) -> None:
    first, second = DENSE.read(answer(data, [1, 2, 3]), 2)
    assert isinstance(first, Refused)
    assert "not all finite" in first.reason
    assert second.tolist() == [1, 2, 3]
    if data[-1] != 1e39:
        assert isinstance(DENSE.from_numbers(np.array(data, np.float32), ()), Refused)


@pytest.mark.parametrize("data", [[0, 0, 0], [0.0, -0.0, 0]])
def test_zeros_are_kept_empty_and_left_out_of_a_document(data: list[Any]) -> None:
    (output,) = DENSE.read(answer(data), 1)
    vector = DENSE.vector(output)
    assert DENSE.is_empty(vector)
    table = DENSE.table({"a": vector})
    assert table["vector"].to_pylist() == [[0, 0, 0]], "so that its text is not encoded again"
    assert DENSE.in_document({name: table.column(name)[0] for name in table.column_names}) is None
    assert DENSE.clause("v", output, Asked(10)) == {"match_none": {}}


def kept(kind: VectorKind, **texts: list[float]) -> pa.Table:
    outputs = kind.read(answer(*texts.values()), len(texts))
    return kind.table({name: kind.vector(output) for name, output in zip(texts, outputs, strict=True)})


def test_the_document_has_the_float32_of_the_model_to_the_last_bit() -> None:
    table = kept(DENSE, a=[0.1, -2, 3], b=[1e-7, 0, 1 / 3])
    stored = {name: table.column(name)[1] for name in table.column_names}
    written: list[float] = orjson.loads(orjson.dumps(DENSE.in_document(stored), option=orjson.OPT_SERIALIZE_NUMPY))
    assert np.array_equal(np.asarray(written, np.float32), np.asarray([1e-7, 0, 1 / 3], np.float32))
    assert DENSE.size(written) == 3


def test_merged_files_keep_their_schema(tmp_path: Path) -> None:
    store, files = Store(str(tmp_path)), PartFiles(Store(str(tmp_path)), "f", "b", 0)
    files.write_chunk(kept(DENSE, a=[1, 2, 3]))
    files.write_chunk(kept(DENSE, b=[4, 5, 6], c=[7, 8, 9]))
    assert merge_vectors(store, tmp_path / "merged.parquet", files.chunk_paths()) == 3
    merged = store.read_table("merged.parquet")
    assert merged.schema.field("vector").type == pa.list_(pa.float32(), 3)
    assert {row["text_hash"]: row["vector"] for row in merged.to_pylist()} == {
        "a": [1, 2, 3],
        "b": [4, 5, 6],
        "c": [7, 8, 9],
    }


def test_the_field_is_mapped_with_the_engine_that_needs_no_native_library() -> None:
    assert dense_kind(384, "l2").mapping == {
        "type": "knn_vector",
        "dimension": 384,
        "method": {"name": "hnsw", "engine": "lucene", "space_type": "l2"},
    }
    assert DENSE.index_settings == {"index.knn": "true"}
    assert not DENSE.needs_natives
    faiss = dense_kind(384, "l2", "faiss")
    assert (faiss.needs_natives, faiss.mapping["method"]["engine"]) == (True, "faiss")


def test_a_filter_stands_inside_the_query() -> None:
    (output,) = DENSE.read(answer([1, 2, 3]), 1)
    assert DENSE.clause("v", output, Asked(50)) == {"knn": {"v": {"vector": [1, 2, 3], "k": 50}}}
    filters: list[dict[str, Any]] = [{"term": {"a": 1}}, {"exists": {"field": "b"}}]
    inside = {"vector": [1, 2, 3], "k": 7, "filter": {"bool": {"filter": filters}}}
    assert DENSE.clause("v", output, Asked(7, filters)) == {"knn": {"v": inside}}


def test_a_query_of_zeros_matches_nothing() -> None:
    kind = dense_kind(2, "cosinesimil")
    (stored,) = kind.table({"a": ([3.0, 0.0],)}).to_batches()
    scores = kind.scores([np.array([0.0, 0.0]), np.array([2.0, 0.0]), np.array([0.0, 1.0])], stored)
    assert scores.tolist() == [[-np.inf], [1.0], [0.5]]


def test_where_there_is_no_vector_there_is_no_score() -> None:
    kind = dense_kind(3, "l2")
    none = pa.RecordBatch.from_pylist([], schema=kind.table({}).schema)
    assert kind.scores([np.array([1.0, 0.0, 0.0], np.float32)], none).shape == (1, 0)
