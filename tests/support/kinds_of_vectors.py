"""The sparse kind without pruning, and a second kind that only the tests have: four numbers a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from sparse_index.config.encoder import Pruning
from sparse_index.vectors.kind import Asked, Stored, Vector, VectorKind
from sparse_index.vectors.likeness import Likeness
from sparse_index.vectors.sparse import sparse_kind

SPARSE = sparse_kind(Pruning())
DIMENSION = 4


def _read(answer: Any, expected: int) -> list[list[float]]:
    outputs = [result["output"][0]["data"] for result in answer["inference_results"]]
    assert len(outputs) == expected
    return outputs


def _vector(numbers: list[float]) -> Vector:
    return (numbers,)


def _is_empty(vector: Vector) -> bool:
    return not any(vector[0])


def _in_document(stored: Stored) -> Any:
    numbers = stored["numbers"].values.to_numpy()
    return numbers if numbers.any() else None


def _clause(field: str, numbers: list[float], _: Asked) -> dict[str, Any]:
    return {"knn": {field: {"vector": numbers, "k": 10}}}


def _scores(outputs: Sequence[list[float]], stored: pa.RecordBatch) -> np.ndarray:
    scores: np.ndarray = np.array(outputs) @ np.array(stored["numbers"].to_pylist()).T
    return scores


FOUR_NUMBERS = VectorKind(
    function="TEXT_EMBEDDING",
    predict_options={"return_number": True},
    read=_read,
    from_numbers=lambda numbers, _: numbers.tolist(),
    vector=_vector,
    is_empty=_is_empty,
    empty_rows="list_max(numbers) = 0 AND list_min(numbers) = 0",
    columns=pa.schema([("numbers", pa.list_(pa.float32(), DIMENSION))]),
    in_document=_in_document,
    size=len,
    mapping={"type": "knn_vector", "dimension": DIMENSION, "method": {"name": "hnsw", "engine": "lucene"}},
    index_settings={"index.knn": "true"},
    clause=_clause,
    scores=_scores,
    pruned=None,
    query_plugin="opensearch-knn",
    query_word="knn",
    by_text=lambda field, text, asked: {"neural": {field: {"query_text": text, "k": asked.candidates}}},
    as_output=list,
    finds_all=False,
    likeness=Likeness(
        whole=_vector,
        deviation=lambda one, other: max(abs(left - right) for left, right in zip(one[0], other[0], strict=True)),
        tolerance=1e-3,
        unit="between two numbers",
        doubt=lambda _: "",
        traits=lambda numbers: {"first number": numbers[0]},
        tokens=lambda _: (),
    ),
)
