"""A dense vector from the model's answer to the store and into a query: so many numbers a text.

The engine is always named, and lucene unless the corpus file says otherwise: where the cluster lacks the k-NN plugin's native
libraries, the plugin's default engine (faiss) ends a node at its first refresh, the method `flat` at the first search, and
nothing tells beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sparse_index.cluster.client import Json
from sparse_index.config.vectors import Engine, Space
from sparse_index.errors import ModelError
from sparse_index.vectors.kind import Asked, Refused, Stored, Vector, VectorKind
from sparse_index.vectors.likeness import Likeness

_OUTPUT = "sentence_embedding"
# Of the graph by which vectors are found: links of a vector (the plugin's own default), bytes of a link.
_LINKS, _LINK_BYTES = 16, 4
_NOT_FINITE = Refused("the model answered numbers that are not all finite")


class DenseVector(NamedTuple):
    """`numbers`: float32, all finite, no unit; all 0 in an empty vector."""

    numbers: np.ndarray


def dense_kind(dimension: int, space: Space, engine: Engine = "lucene") -> VectorKind:
    """`dimension` numbers. An output is an array of float32, of a query too; one of zeros is an empty vector."""
    return VectorKind(
        function="TEXT_EMBEDDING",
        predict_options={"return_number": True, "target_response": [_OUTPUT]},
        read=partial(_read, dimension),
        from_numbers=lambda numbers, _: _of_length(dimension, [_numbers(numbers)])[0],
        vector=DenseVector,
        is_empty=_is_empty,
        empty_rows="list_max(vector) = 0 AND list_min(vector) = 0",
        columns=pa.schema([("vector", pa.list_(pa.float32(), dimension))]),
        in_document=_in_document,
        size=len,
        mapping={
            "type": "knn_vector",
            "dimension": dimension,
            "method": {"name": "hnsw", "engine": engine, "space_type": space},
        },
        index_settings={"index.knn": "true"},
        clause=_clause,
        scores=partial(_scores, space),
        pruned=None,
        query_plugin="opensearch-knn",
        query_word="knn",
        by_text=lambda field, text, asked: {"neural": {field: {"query_text": text, "k": asked.candidates}}},
        as_output=_float32,
        finds_all=False,
        likeness=Likeness(
            whole=DenseVector,
            deviation=_deviation,
            tolerance=1e-4,
            unit="below a cosine of 1, or as much in length",
            doubt=_doubt,
            traits=_traits,
            tokens=lambda _: (),
        ),
        filters_inside=True,
        stopped_by="knn.circuit_breaker.triggered",
        needs_natives=engine == "faiss",
        bytes_each=4 * dimension + _LINKS * _LINK_BYTES,
        dimension=dimension,
    )


def _read(dimension: int, answer: Any, expected: int) -> list[np.ndarray | Refused]:
    """The numbers of each text of one predict request, in request order; `ModelError` for any other shape."""
    try:
        # A number that is not finite comes as a text ("NaN"), which numpy reads.
        with np.errstate(over="ignore"):
            found = [_numbers(output["data"]) for result in answer["inference_results"] for output in result["output"]]
    except (KeyError, TypeError, ValueError) as error:
        raise _no_numbers(expected) from error
    if len(found) != expected:
        raise _no_numbers(expected)
    return _of_length(dimension, found)


def _of_length(dimension: int, found: list[np.ndarray]) -> list[np.ndarray | Refused]:
    lengths = {len(numbers) for numbers in found} - {dimension}
    if lengths:
        raise ModelError(
            f"the model answers {min(lengths)} numbers, `dimension` is {dimension}. Correct `dimension` in the corpus file's "
            "`vectors`, or name another model."
        )
    return [numbers if np.isfinite(numbers).all() else _NOT_FINITE for numbers in found]


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


def _is_empty(vector: Vector) -> bool:
    return not DenseVector(*vector).numbers.any()


def _in_document(stored: Stored) -> np.ndarray | None:
    # float32, written with its own few digits.
    numbers: np.ndarray = stored["vector"].values.to_numpy()
    return numbers if numbers.any() else None


def _float32(numbers: Sequence[float]) -> np.ndarray:
    return np.asarray(numbers, dtype=np.float32)


def _deviation(one: Sequence[Any], other: Sequence[Any]) -> float:
    """1 - cosine for vectors of one length, more for those of different lengths."""
    left, right = (np.asarray(vector[0], dtype=np.float64) for vector in (one, other))
    if left.shape != right.shape:
        return 1.0
    lengths = np.linalg.norm(left) * np.linalg.norm(right)
    return float(((left - right) ** 2).sum() / (2 * lengths))


def _doubt(vectors: Sequence[Sequence[Any]]) -> str:
    rows = {np.asarray(vector[0], dtype=np.float32).tobytes() for vector in vectors}
    return f"it gives the same numbers to {len(vectors)} different texts" if len(rows) == 1 < len(vectors) else ""


def _traits(numbers: Sequence[float]) -> dict[str, float]:
    return {"length": float(np.linalg.norm(numbers))}


def _scores(space: Space, outputs: Sequence[np.ndarray], stored: pa.RecordBatch) -> np.ndarray:
    """As Lucene makes scores of distances; an empty vector matches nothing."""
    if not len(outputs) or not len(stored):
        return np.empty((len(outputs), len(stored)))
    documents = stored["vector"].flatten().to_numpy().reshape(len(stored), -1).astype(np.float64)
    queries = np.array(outputs, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        scores = _SCORES[space](queries, documents)
    scores[[_is_empty(DenseVector(numbers)) for numbers in outputs]] = -np.inf
    scores[:, ~documents.any(axis=1)] = -np.inf
    return scores


def _by_angle(queries: np.ndarray, documents: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(documents, axis=1)
    scores: np.ndarray = (1 + queries @ documents.T / lengths) / 2
    return scores


def _by_distance(queries: np.ndarray, documents: np.ndarray) -> np.ndarray:
    squares = (queries**2).sum(axis=1)[:, None] + (documents**2).sum(axis=1) - 2 * queries @ documents.T
    scores: np.ndarray = 1 / (1 + np.maximum(squares, 0))
    return scores


def _by_product(queries: np.ndarray, documents: np.ndarray) -> np.ndarray:
    products = queries @ documents.T
    scores: np.ndarray = np.where(products < 0, 1 / (1 - products), products + 1)
    return scores


_SCORES: Mapping[Space, Callable[[np.ndarray, np.ndarray], np.ndarray]] = MappingProxyType(
    {"cosinesimil": _by_angle, "l2": _by_distance, "innerproduct": _by_product}
)


def _clause(field: str, numbers: np.ndarray, asked: Asked) -> Json:
    """Filters stand inside: beside it they would only thin out the nearest of all documents."""
    if _is_empty(DenseVector(numbers)):
        # The cluster would refuse the whole search.
        return {"match_none": {}}
    nearest: Json = {"vector": numbers.tolist(), "k": asked.candidates}
    if asked.filters:
        nearest["filter"] = {"bool": {"filter": list(asked.filters)}}
    return {"knn": {field: nearest}}
