"""Weighted tokens in a `sparse_vector` field, which keeps ids of tokens and looks at the most promising documents only.

It is exact in segments of fewer documents than its threshold. Above it, weights are kept in 255 steps up to a ceiling, and a
filter is applied to the `k` best; filters that let through at most `k` documents are exact again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from math import ceil
from typing import Any, NoReturn

from sparse_index.cluster.client import Json
from sparse_index.config.encoder import Pruning
from sparse_index.config.vectors import TokenIndex
from sparse_index.errors import ConfigError, ModelError
from sparse_index.vectors.kind import Asked, Stored, Trial, VectorKind
from sparse_index.vectors.sparse import heaviest, shares, sparse_kind

# The most documents that one shard gives: a filter that lets fewer through is exact.
_MOST = 10_000
_LEAST_SCORE = 1e-9
# OpenSearch up to 3.6 keeps ids in 16 bits: from here on a search of approximate segments fails, from twice that on another
# token answers.
_SURE_IDS = 32_768
_STEPS_A_UNIT = 2
_CEILING = "quantization_ceiling_ingest"
# Of an index that was not told any.
_USUAL_CEILING = 3.0


def sparse_vector_kind(pruning: Pruning, index: TokenIndex) -> VectorKind:
    """As `sparse_kind` until it comes to the index; `with_ids` before anything is written or asked."""
    # Below a million an exact search is as fast, and such an index takes much longer to build.
    parameters: Json = {"approximate_threshold": 1_000_000} | index.model_dump(exclude={"type"}, exclude_none=True)
    kind = replace(
        sparse_kind(pruning),
        in_document=_speechless,
        clause=_speechless,
        as_output=_speechless,
        mapping=_mapping(parameters),
        index_settings={"index.sparse": "true"},
        since=(3, 3),
        fitted=lambda largest: _mapping({**parameters, _CEILING: _ceiling(largest)}),
        outgrown=_outgrown,
        finds_all=False,
        exact_scores=False,
    )
    return replace(kind, with_ids=partial(_with_ids, kind))


def _mapping(parameters: Json) -> Json:
    return {"type": "sparse_vector", "method": {"name": "seismic", "parameters": parameters}}


def _ceiling(largest: float) -> float:
    """The largest weight and a little more: later documents may have larger ones, which would count as the ceiling."""
    return ceil(largest * _STEPS_A_UNIT) / _STEPS_A_UNIT


def _outgrown(there: Json, largest: float) -> str:
    ceiling = float(there.get("method", {}).get("parameters", {}).get(_CEILING, _USUAL_CEILING))
    if largest <= ceiling:
        return ""
    return f"weights go up to {largest:.3g}, and the live index counts all above {ceiling:g} as that ({_CEILING})"


def _with_ids(kind: VectorKind, ids: Mapping[str, int]) -> VectorKind:
    in_words = partial(_in_words, {str(number): token for token, number in ids.items()})
    return replace(
        kind,
        in_document=partial(_in_document, ids),
        clause=partial(_clause, kind.query_word, ids),
        as_output=lambda document: heaviest(in_words(document)),
        matched=lambda output, document: shares(output, in_words(document)),
        likeness=replace(kind.likeness, tokens=in_words),
        with_ids=None,
        trial=_trial(kind.query_word, max(ids.values(), default=0)),
    )


def _trial(query_word: str, largest: int) -> Trial | None:
    """Of three tokens that a cluster with ids of 16 bits mistakes for each other, or cannot ask for, in segments that are
    approximate from the first document on."""
    if largest < _SURE_IDS:
        return None
    ids = list(dict.fromkeys([largest, largest % (2 * _SURE_IDS), largest - _SURE_IDS, 0, 1]))[:3]

    def query(field: str, number: int) -> Json:
        asked = {"query_tokens": {str(ids[number]): 1.0}, "method_parameters": {"k": len(ids)}}
        return {query_word: {field: asked}}

    return Trial(
        mapping=_mapping({"approximate_threshold": 1}),
        vectors=[{str(token): 1.0} for token in ids],
        query=query,
        why=f"the vocabulary of the model goes up to id {largest:,}, and OpenSearch up to 3.6 takes ids below {_SURE_IDS:,} only",
        remedy="Write `index: rank_features`, or upgrade the cluster",
    )


def _in_words(words: Mapping[str, str], document: Mapping[str, float] | None) -> dict[str, float]:
    try:
        return {words[number]: weight for number, weight in (document or {}).items()}
    except KeyError as error:
        raise ModelError(
            f"A document has the token id {error}, which the model's tokenizer.json does not know: another model wrote it. Name "
            "the model that the index was built with."
        ) from error


def _speechless(*_: Any) -> NoReturn:
    raise ConfigError(
        "A sparse_vector field holds ids of tokens, and nobody said what they are. This is a defect: report it."
    )


def _in_document(ids: Mapping[str, int], stored: Stored) -> Json | None:
    """The cluster takes no vector without tokens: such a one is left out."""
    tokens, weights = stored["tokens"].as_py(), stored["weights"].values.to_numpy()
    try:
        return {str(ids[token]): weight for token, weight in zip(tokens, weights, strict=True)} or None
    except KeyError as error:
        raise ModelError(
            f"A stored vector has the token {error}, which the model's tokenizer.json does not know: it is another model's. "
            "Correct the zip, or write `index: rank_features`."
        ) from error


def _clause(query_word: str, ids: Mapping[str, int], field: str, weights: Mapping[str, float], asked: Asked) -> Json:
    """Of a query's tokens those that the model knows; without any nothing matches. Filters stand inside: beside it they would
    only thin out the k best of all documents."""
    known = {str(ids[token]): weight for token, weight in weights.items() if token in ids}
    if not known:
        return {"match_none": {}}
    if not asked.filters:
        return {query_word: {field: {"query_tokens": known, "method_parameters": {"k": asked.candidates}}}}
    method: Json = {"k": _MOST, "filter": {"bool": {"filter": list(asked.filters)}}}
    filtered = {query_word: {field: {"query_tokens": known, "method_parameters": method}}}
    # Else every document that the filters let through is a hit, with a score of 0 where it shares no token.
    return {"function_score": {"query": filtered, "min_score": _LEAST_SCORE}}
