"""A field whose documents hold the passages of their text, each with a vector of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sparse_index.cluster.client import Json
from sparse_index.config.vectors import PASSAGE_VECTOR
from sparse_index.vectors.kind import Asked, Piece, Shown, VectorKind

_SHOWN = ("number", "start", "end", "text")


def in_passages(kind: VectorKind) -> VectorKind:
    """A nested field: passages with `number`, `start`, `end`, `text` and their vector. A search gives a document the score of its
    best passage; one that shows gives that in `inner_hits` of the field's name."""
    return replace(
        kind,
        combine=_passages,
        mapping=_mapping(kind),
        vectors_in=lambda passages: [passage.get(PASSAGE_VECTOR) for passage in passages],
        has_passages=True,
        shown=_best,
        clause=partial(_clause, kind),
        by_text=partial(_by_text, kind),
    )


def _mapping(kind: VectorKind) -> Json:
    number: Json = {"type": "integer", "index": False}
    # Found by its vector, and shown: the columns of the text are fields of their own.
    shown: Json = {"number": number, "start": number, "end": number, "text": {"type": "text", "index": False}}
    return {"type": "nested", "properties": {**shown, PASSAGE_VECTOR: kind.mapping}}


def _passages(kind: VectorKind, pieces: Sequence[Piece]) -> list[Json] | None:
    """A passage with an empty vector is shown and never found."""
    vectors = [kind.in_document(piece.stored) for piece in pieces]
    if all(vector is None for vector in vectors):
        return None
    found = zip(pieces, vectors, strict=True)
    return [piece.passage if vector is None else {**piece.passage, PASSAGE_VECTOR: vector} for piece, vector in found]


def _clause(kind: VectorKind, field: str, output: Any, asked: Asked) -> Json:
    """Filters are of the document: within a passage only a kind that looks at them itself sees them there."""
    inside = asked if kind.filters_inside else replace(asked, filters=())
    query = _nested(field, kind.clause(f"{field}.{PASSAGE_VECTOR}", output, inside))
    if asked.shows:
        query["nested"]["inner_hits"] = _inner_hits(kind, field)
    beside = () if kind.filters_inside else asked.filters
    return {"bool": {"must": [query], "filter": list(beside)}} if beside else query


def _by_text(kind: VectorKind, field: str, text: str, asked: Asked) -> Json:
    return _nested(field, kind.by_text(f"{field}.{PASSAGE_VECTOR}", text, asked))


def _nested(field: str, query: Json) -> Json:
    return {"nested": {"path": field, "score_mode": "max", "query": query}}


def _inner_hits(kind: VectorKind, field: str) -> Json:
    """With the passage's vector where a person could read something from it."""
    read = (*_SHOWN, PASSAGE_VECTOR) if kind.matched else _SHOWN
    return {"name": field, "size": 1, "_source": [f"{field}.{name}" for name in read]}


def _best(field: str, hit: Json) -> Shown:
    inner = hit.get("inner_hits", {}).get(field, {}).get("hits", {}).get("hits", [])
    if not inner:
        return Shown()
    source = inner[0]["_source"]
    return Shown(source.get(PASSAGE_VECTOR), {name: source[name] for name in _SHOWN})
