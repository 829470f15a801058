"""A sparse vector from the model's answer to the store: parsed, pruned, largest weight first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import isfinite
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from sparse_index.cluster.client import Json
from sparse_index.config.encoder import PruneType, Pruning
from sparse_index.errors import ModelError
from sparse_index.vectors.kind import Asked, Refused, Stored, VectorKind

LONGEST_REFUSAL = 300


class SparseVector(NamedTuple):
    """Tokens with their weights (> 0, no unit), the largest weight first."""

    tokens: tuple[str, ...]
    weights: tuple[float, ...]


def sparse_kind(pruning: Pruning) -> VectorKind:
    """Weighted tokens of a vocabulary. An output maps token to weight, of a query too."""
    return VectorKind(
        function="SPARSE_ENCODING",
        predict_options={},
        read=parse_answer,
        vector=partial(_some_vector, pruning),
        nothing="no token",
        columns=pa.schema([("tokens", pa.list_(pa.string())), ("weights", pa.list_(pa.float32()))]),
        in_document=_in_document,
        size=len,
        mapping={"type": "rank_features"},
        index_settings={},
        clause=_clause,
        query_plugin="opensearch-neural-search",
        query_word="neural_sparse",
    )


def _some_vector(pruning: Pruning, weights: Mapping[str, float]) -> SparseVector | None:
    vector = sparse_vector(weights, pruning)
    return vector if vector.tokens else None


def _in_document(stored: Stored) -> Json | None:
    # The weights are numpy's float32: written with their own few digits, where a Python float adds nine more.
    tokens, weights = stored["tokens"].as_py(), stored["weights"].values.to_numpy()
    return dict(zip(tokens, weights, strict=True)) if tokens else None


def _clause(field: str, weights: Mapping[str, float], asked: Asked) -> Json:
    tokens: Json = {"neural_sparse": {field: {"query_tokens": dict(weights)}}}
    return {"bool": {"must": [tokens], "filter": list(asked.filters)}} if asked.filters else tokens


def parse_answer(answer: Any, expected: int) -> list[dict[str, float] | Refused]:
    """Token weights of each text of one predict request, in request order; `ModelError` for any other shape.

    A local model makes a result of each text. A remote one makes a result of each call to its service, with as many maps
    in its one `response` as the call had texts; or, where it takes one text a call, the map itself.
    """
    try:
        results = [output["dataAsMap"] for result in answer["inference_results"] for output in result["output"]]
        items = [item for data in results for item in _items(data)]
    except (KeyError, TypeError) as error:
        raise _unknown_shape(answer, expected) from error
    if len(items) != expected or any(isinstance(item, list | int | float) for item in items):
        raise _unknown_shape(answer, expected)
    return [_weights(item) for item in items]


def _items(data: Mapping[str, Any]) -> list[Any]:
    response = data.get("response")
    if isinstance(response, list):
        return response
    if not all(map(_is_number, data.values())):
        raise TypeError("neither maps in `response` nor a map")
    return [data]


def _weights(item: Any) -> dict[str, float] | Refused:
    if isinstance(item, Mapping) and all(map(_is_number, item.values())):
        return dict(item)
    return Refused(f"instead of token weights the model answered {orjson.dumps(item).decode()[:LONGEST_REFUSAL]}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _unknown_shape(answer: Any, expected: int) -> ModelError:
    return ModelError(
        f"The model's answer to {expected} text(s) has another shape: {_shape(answer)}. Is it a sparse encoding model? A service "
        "behind a connector has to answer with one map of tokens and weights a text, in a list (docs/add-a-corpus.md)."
    )


def _shape(value: Any) -> str:
    """The structure without its content, which may be somebody's text."""
    if isinstance(value, list):
        return f"[{len(value)} x {_shape(value[0])}]" if value else "[]"
    if not isinstance(value, Mapping):
        return type(value).__name__
    if value and all(map(_is_number, value.values())):
        return f"{{{len(value)} numbers}}"
    return f"{{{', '.join(f'{key}: {_shape(inner)}' for key, inner in value.items())}}}"


def sparse_vector(weights: Mapping[str, float], pruning: Pruning) -> SparseVector:
    """Weights <= 0 are dropped (rank_features refuses them), the rest is pruned and put in order."""
    kept = prune(_in_order(weights), pruning)
    return SparseVector(tuple(token for token, _ in kept), tuple(weight for _, weight in kept))


def _in_order(weights: Mapping[str, float]) -> list[tuple[str, float]]:
    # Ties go by token, so that the same answer always makes the same file.
    positive = ((token, float(weight)) for token, weight in weights.items() if weight > 0)
    return sorted(positive, key=lambda pair: (-pair[1], pair[0]))


def prune(ordered: Sequence[tuple[str, float]], pruning: Pruning) -> Sequence[tuple[str, float]]:
    """What ML Commons' sparse_encoding processor keeps, of pairs ordered by weight, largest first.

    max_ratio: weights >= value x the largest; abs_value: weights >= value; top_k: the `value` largest; alpha_mass:
    the largest as long as their sum stays within value x the sum of all. One difference: the largest weight always
    stays, because a document whose whole vector was pruned away could not be found at all.
    """
    if pruning.value is None or not ordered:
        return ordered
    return ordered[: max(_kept(pruning.type, pruning.value, [weight for _, weight in ordered]), 1)]


def _kept(kind: PruneType, value: float, weights: list[float]) -> int:
    if kind is PruneType.TOP_K:
        return int(value)
    if kind is PruneType.ALPHA_MASS:
        return _within_mass(value * sum(weights), weights)
    least = value * weights[0] if kind is PruneType.MAX_RATIO else value
    return sum(weight >= least for weight in weights)


def _within_mass(mass: float, weights: list[float]) -> int:
    total = 0.0
    for count, weight in enumerate(weights):
        total += weight
        if total > mass:
            return count
    return len(weights)
