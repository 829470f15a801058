"""A sparse vector from the model's answer to the store: parsed, pruned, largest weight first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from math import isfinite
from operator import itemgetter
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from sparse_index.cluster.client import Json
from sparse_index.config.encoder import PruneType, Pruning
from sparse_index.errors import ModelError, TerminalError
from sparse_index.vectors.kind import Asked, Piece, Refused, Stored, Vector, VectorKind
from sparse_index.vectors.likeness import Likeness
from sparse_index.vectors.pruned import pruned

LONGEST_REFUSAL = 300
# Of a query to a field of rank_features.
LARGEST_QUERY_WEIGHT = 64.0
MOST_QUERY_TOKENS = 1_024
_BITS_LEFT_OUT = 15
# A query of a whole document would cost as much as many queries of people.
QUERY_TOKENS = 32
# What one model says of different texts has few tokens in common; an array of numbers has the same places in all of them.
_COMMON_SHARE = 0.5
_FEWEST_TEXTS = 8


class SparseVector(NamedTuple):
    """Tokens with their weights (> 0, no unit), the largest weight first; none in an empty vector."""

    tokens: tuple[str, ...]
    weights: tuple[float, ...]


_QUERY = "neural_sparse"


def sparse_kind(pruning: Pruning) -> VectorKind:
    """Weighted tokens of a vocabulary. An output maps token to weight, of a query too."""
    return VectorKind(
        function="SPARSE_ENCODING",
        predict_options={},
        read=parse_answer,
        from_numbers=_from_numbers,
        vector=partial(_vector, pruning),
        is_empty=_is_empty,
        empty_rows="len(weights) = 0",
        columns=pa.schema([("tokens", pa.list_(pa.string())), ("weights", pa.list_(pa.float32()))]),
        in_document=_in_document,
        size=len,
        mapping={"type": "rank_features"},
        index_settings={},
        clause=_clause,
        scores=_scores,
        pruned=pruned,
        query_plugin="opensearch-neural-search",
        query_word=_QUERY,
        by_text=lambda field, text, _: {_QUERY: {field: {"query_text": text}}},
        matched=shares,
        as_output=heaviest,
        finds_all=True,
        likeness=Likeness(
            whole=_whole,
            deviation=_deviation,
            tolerance=1e-3,
            unit="of the largest weight",
            doubt=_doubt,
            traits=_traits,
            tokens=list,
        ),
    )


def _vector(pruning: Pruning, weights: Mapping[str, float]) -> SparseVector:
    return sparse_vector(weights, pruning)


def _is_empty(vector: Vector) -> bool:
    return not SparseVector(*vector).tokens


def _in_document(stored: Stored) -> Json | None:
    # The weights are numpy's float32: written with their own few digits, where a Python float adds nine more.
    tokens, weights = stored["tokens"].as_py(), stored["weights"].values.to_numpy()
    return dict(zip(tokens, weights, strict=True)) if tokens else None


def strongest(pruning: Pruning, kind: VectorKind, pieces: Sequence[Piece]) -> Json | None:
    """Of each token the largest weight that a passage has, pruned as one vector: a text of many passages has many tokens."""
    weights: dict[str, float] = {}
    for token, weight in chain.from_iterable((kind.in_document(piece.stored) or {}).items() for piece in pieces):
        weights[token] = max(weight, weights.get(token, weight))
    ordered = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))
    return dict(prune(ordered, pruning)) or None


def _clause(field: str, weights: Mapping[str, float], asked: Asked) -> Json:
    """Weights of 0 and less are left out, as in documents."""
    positive = {token: weight for token, weight in weights.items() if weight > 0}
    if not positive:
        return {"match_none": {}}
    require_askable(positive)
    tokens: Json = {"neural_sparse": {field: {"query_tokens": positive}}}
    return {"bool": {"must": [tokens], "filter": list(asked.filters)}} if asked.filters else tokens


def require_askable(weights: Mapping[str, float]) -> None:
    """TerminalError for what the cluster refuses in a query, the whole search with it."""
    wrong = next(((token, weight) for token, weight in weights.items() if not 0 < weight <= LARGEST_QUERY_WEIGHT), None)
    if wrong is not None:
        raise TerminalError(
            f"Query token '{wrong[0]}' has the weight {wrong[1]:g}: a query's weights are above 0 and at most "
            f"{LARGEST_QUERY_WEIGHT:g}. Scale them, or leave the token out."
        )
    if len(weights) > MOST_QUERY_TOKENS:
        raise TerminalError(
            f"The query has {len(weights):,} different tokens: one search takes {MOST_QUERY_TOKENS:,}. Shorten it."
        )


def heaviest(weights: Mapping[str, float]) -> dict[str, float]:
    """A query's weights may not be above 64; the order of the hits is the same at any scale."""
    first = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))[:QUERY_TOKENS]
    return {token: weight / first[0][1] for token, weight in first}


def _whole(weights: Mapping[str, float]) -> SparseVector:
    pairs = sorted((token, float(weight)) for token, weight in weights.items() if weight)
    return SparseVector(tuple(token for token, _ in pairs), tuple(weight for _, weight in pairs))


def _deviation(one: Sequence[Any], other: Sequence[Any]) -> float:
    """The largest difference of a token's weight, where 0 stands for a token that is not there."""
    left, right = (dict(zip(*vector, strict=True)) for vector in (one, other))
    largest = max(map(abs, [*left.values(), *right.values()]))
    return float(max(abs(left.get(token, 0.0) - right.get(token, 0.0)) for token in left | right) / largest)


def _doubt(vectors: Sequence[Sequence[Any]]) -> str:
    different = {tuple(zip(*vector, strict=True)) for vector in vectors}
    if len(different) < _FEWEST_TEXTS:
        return ""
    there = {token for pairs in different for token, _ in pairs}
    share = sum(map(len, different)) / len(different) / len(there)
    if share <= _COMMON_SHARE:
        return ""
    return (
        f"of the {len(there)} tokens that it gives to {len(different)} different texts each text has {share:.0%}, as the numbers "
        "of a dense model taken for weights would be"
    )


def _traits(weights: Mapping[str, float]) -> dict[str, float]:
    return {"tokens": len(weights), "largest weight": max(weights.values()), "median weight": median(weights.values())}


def _scores(outputs: Sequence[Mapping[str, float]], stored: pa.RecordBatch) -> np.ndarray:
    """Sums over the common tokens; of the documents only the tokens of a query are looked at."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - it takes half a second, and few processes compute scores

    vocabulary = sorted({token for output in outputs for token in output})
    columns = pc.index_in(stored["tokens"].flatten(), value_set=pa.array(vocabulary, pa.string()))
    common = columns.is_valid()
    rows = pc.list_parent_indices(stored["tokens"]).filter(common).to_numpy()
    weights = as_indexed(stored["weights"].flatten().filter(common).to_numpy())
    shape = (len(stored), len(vocabulary))
    documents = csr_array((weights.astype(np.float64), (rows, columns.filter(common).to_numpy())), shape=shape)
    queries = np.array([[output.get(token, 0.0) for token in vocabulary] for output in outputs])
    scores = (documents @ queries.reshape(len(outputs), len(vocabulary)).T).T
    return np.where(scores > 0, scores, -np.inf)


def as_indexed(weights: np.ndarray) -> np.ndarray:
    """float32 as a rank_features field keeps it: with 8 bits behind the first."""
    bits: np.ndarray = weights.astype(np.float32).view(np.int32)
    return (bits >> _BITS_LEFT_OUT << _BITS_LEFT_OUT).view(np.float32)


def shares(query: Mapping[str, float], document: Mapping[str, float] | None) -> dict[str, float]:
    """Token -> its share of a document's score, the largest first; None: the document has no vector."""
    found = {token: query[token] * weight for token, weight in (document or {}).items() if token in query}
    return dict(sorted(found.items(), key=lambda share: -share[1]))


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


def _from_numbers(numbers: np.ndarray, tokens: Sequence[str]) -> dict[str, float] | Refused:
    if len(numbers) < len(tokens):
        raise ModelError(
            f"The model gives {len(numbers)} numbers a text, its tokenizer has {len(tokens)} tokens. Is it a sparse model?"
        )
    # Truth values are searched four times as fast as numbers.
    places = np.flatnonzero(numbers[: len(tokens)] != 0)
    pairs = zip(places.tolist(), numbers[places].tolist(), strict=True)
    # Special tokens have no text, and ML Commons leaves them out.
    return _weights({tokens[place]: weight for place, weight in pairs if tokens[place]})


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
    positive = [(token, float(weight)) for token, weight in weights.items() if weight > 0]
    # Ties go by token, so that the same answer always makes the same file.
    return sorted(sorted(positive, key=itemgetter(0)), key=itemgetter(1), reverse=True)


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
