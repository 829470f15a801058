"""A dense vector from the model's answer to the store and into a query: so many numbers a text.

The engine is always lucene: where the cluster lacks the k-NN plugin's native libraries, the plugin's default engine ends a
node at its first refresh, the method `flat` at the first search, and nothing tells beforehand.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sparse_index.cluster.client import Json
from sparse_index.config.vectors import Space
from sparse_index.errors import ModelError
from sparse_index.vectors.kind import Asked, Stored, VectorKind

_OUTPUT = "sentence_embedding"


class DenseVector(NamedTuple):
    """`numbers`: float32, all finite, not all 0; no unit."""

    numbers: np.ndarray


def dense_kind(dimension: int, space: Space) -> VectorKind:
    """`dimension` numbers. An output is an array of float32, of a query too; a zero or non-finite one is nothing."""
    return VectorKind(
        function="TEXT_EMBEDDING",
        predict_options={"return_number": True, "target_response": [_OUTPUT]},
        read=partial(_read, dimension),
        vector=_some_vector,
        nothing="only zeros, or a number that is not finite",
        columns=pa.schema([("vector", pa.list_(pa.float32(), dimension))]),
        in_document=_in_document,
        size=len,
        mapping={
            "type": "knn_vector",
            "dimension": dimension,
            "method": {"name": "hnsw", "engine": "lucene", "space_type": space},
        },
        index_settings={"index.knn": "true"},
        clause=_clause,
        query_plugin="opensearch-knn",
        query_word="knn",
    )


def _read(dimension: int, answer: Any, expected: int) -> list[np.ndarray]:
    """The numbers of each text of one predict request, in request order; `ModelError` for any other shape."""
    try:
        # A number that is not finite comes as a text ("NaN"), which numpy reads.
        with np.errstate(over="ignore"):
            found = [_numbers(output["data"]) for result in answer["inference_results"] for output in result["output"]]
    except (KeyError, TypeError, ValueError) as error:
        raise _no_numbers(expected) from error
    if len(found) != expected:
        raise _no_numbers(expected)
    lengths = {len(numbers) for numbers in found} - {dimension}
    if lengths:
        raise ModelError(
            f"The model answers {min(lengths)} numbers, `dimension` of its vector field is {dimension}. Correct `dimension` in "
            "the corpus file's `vectors`, or name another model."
        )
    return found


def _numbers(data: Any) -> np.ndarray:
    numbers = np.asarray(data, dtype=np.float32)
    if numbers.ndim != 1:
        raise ValueError(f"{numbers.ndim} dimensions")
    return numbers


def _no_numbers(expected: int) -> ModelError:
    return ModelError(
        f"The model's answer to {expected} text(s) is not one list of numbers a text. Is it a dense (text embedding) model? "
        "A sparse one belongs to a vector field of `kind: sparse` (docs/add-a-corpus.md)."
    )


def _some_vector(numbers: np.ndarray) -> DenseVector | None:
    return DenseVector(numbers) if np.isfinite(numbers).all() and numbers.any() else None


def _in_document(stored: Stored) -> np.ndarray:
    # float32, written with its own few digits.
    numbers: np.ndarray = stored["vector"].values.to_numpy()
    return numbers


def _clause(field: str, numbers: np.ndarray, asked: Asked) -> Json:
    """Filters stand inside: beside it they would only thin out the nearest of all documents."""
    if _some_vector(numbers) is None:
        # The cluster would refuse the whole search.
        return {"match_none": {}}
    nearest: Json = {"vector": numbers.tolist(), "k": asked.candidates}
    if asked.filters:
        nearest["filter"] = {"bool": {"filter": list(asked.filters)}}
    return {"knn": {field: nearest}}
