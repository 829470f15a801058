"""The sparse kind without pruning, and a second kind that only the tests have: four numbers a text."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from sparse_index.config.encoder import Pruning
from sparse_index.vectors.kind import Asked, Stored, Vector, VectorKind
from sparse_index.vectors.sparse import sparse_kind

SPARSE = sparse_kind(Pruning())
DIMENSION = 4


def _read(answer: Any, expected: int) -> list[list[float]]:
    outputs = [result["output"][0]["data"] for result in answer["inference_results"]]
    assert len(outputs) == expected
    return outputs


def _vector(numbers: list[float]) -> Vector | None:
    return (numbers,) if any(numbers) else None


def _in_document(stored: Stored) -> Any:
    return stored["numbers"].values.to_numpy()


def _clause(field: str, numbers: list[float], _: Asked) -> dict[str, Any]:
    return {"knn": {field: {"vector": numbers, "k": 10}}}


FOUR_NUMBERS = VectorKind(
    function="TEXT_EMBEDDING",
    predict_options={"return_number": True},
    read=_read,
    vector=_vector,
    nothing="zeros only",
    columns=pa.schema([("numbers", pa.list_(pa.float32(), DIMENSION))]),
    in_document=_in_document,
    size=len,
    mapping={"type": "knn_vector", "dimension": DIMENSION, "method": {"name": "hnsw", "engine": "lucene"}},
    index_settings={"index.knn": "true"},
    clause=_clause,
    query_plugin="opensearch-knn",
    query_word="knn",
)
