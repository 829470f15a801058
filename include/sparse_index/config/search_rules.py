"""What of a `search` section does not go with the vector fields of its corpus, or with itself.

`get` gives the value of a key like `search.sides`, which nobody may have checked yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sparse_index.config.search import BM25, SearchMode
from sparse_index.config.vectors import FIELD_KINDS

Get = Callable[[str], Any]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _kinds(get: Get) -> dict[str, Any]:
    """Vector field -> name of its kind."""
    fields = _mapping(get("vectors"))
    if not fields:
        return {get("index.vector_field"): "sparse"}
    return {name: _mapping(field).get("kind") for name, field in fields.items()}


def _sides(get: Get) -> tuple[str, ...]:
    sides = get("search.sides")
    return tuple(sides) if isinstance(sides, list | tuple) and sides else tuple(_kinds(get))


def has_unknown_side(get: Get) -> bool:
    return not set(_sides(get)) <= {BM25, *_kinds(get)}


def has_field_named_bm25(get: Get) -> bool:
    return BM25 in _kinds(get) and BM25 in (get("search.sides") or ())


def has_other_weights(get: Get) -> bool:
    weights = _mapping(get("search.fusion")).get("weights")
    return isinstance(weights, Mapping) and set(weights) != set(_sides(get))


def has_unknown_query_field(get: Get) -> bool:
    return not set(_mapping(get("search.query"))) <= set(_kinds(get))


def has_wrong_query_way(get: Get) -> bool:
    known = _kinds(get)
    ways = {name: way for name, way in _mapping(get("search.query")).items() if known.get(name) in FIELD_KINDS}
    return any(way not in FIELD_KINDS[known[name]].query_ways for name, way in ways.items())


def has_no_field_of_mode(get: Get) -> bool:
    mode = get("search.mode")
    return mode in FIELD_KINDS and mode not in _kinds(get).values()


def fuses_one_side(get: Get) -> bool:
    return bool(get("search.mode") == SearchMode.HYBRID) and len(_sides(get)) == 1


def has_no_reranker(get: Get) -> bool:
    return bool(get("search.mode") == SearchMode.RERANK) and get("search.rerank") is None
