"""A kind of vectors as one value: all that the stages between a model's answer and a search have to know about it.

A stage asks the kind and passes on what it gets. What a model answers for one text is an *output*, of the kind's own type;
what is kept of it a *vector*; its columns in the store, one value each, are what is *stored*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from sparse_index.cluster.client import Json

# The values of a kind's `columns`, in their order.
Vector = tuple[Any, ...]
Stored = Mapping[str, pa.Scalar]


@dataclass(frozen=True)
class Refused:
    """What a model gave instead of the output for one text of a request, while it answered the others."""

    reason: str


@dataclass(frozen=True)
class Asked:
    """What a search wants of one vector field beside the query's output: how many documents at most, and of those that
    `filters` (queries) let through; a kind knows where a filter has to stand to be right."""

    candidates: int
    filters: Sequence[Json] = ()


@dataclass(frozen=True)
class VectorKind:
    """`function`: ML Commons' name for models of this kind. `predict_options`: what a predict request says beside its texts.
    `read`: the answer to so many texts -> an output each, in their order; `ModelError` for any other shape.

    `vector`: what is kept of an output; None when nothing is left, which `nothing` names. `columns`: of its file, beside the
    text's hash. `in_document`: the field's JSON; None leaves the field out. `size`: of that JSON, 0 for a vector that
    matches nothing.

    `mapping`: of the field, in an index that has `index_settings`, whose values are texts as the cluster tells them.
    `clause`: (field, output for the query, what is asked) -> a query, for which the cluster needs `query_plugin`;
    `query_word` is its name.
    """

    function: str
    predict_options: Json
    read: Callable[[Any, int], Sequence[Any]]
    vector: Callable[[Any], Vector | None]
    nothing: str
    columns: pa.Schema
    in_document: Callable[[Stored], Any]
    size: Callable[[Any], int]
    mapping: Json
    index_settings: Json
    clause: Callable[[str, Any, Asked], Json]
    query_plugin: str
    query_word: str

    def predict_path(self, model_id: str) -> str:
        return f"/_plugins/_ml/_predict/{self.function.lower()}/{model_id}"

    def predict_body(self, texts: Sequence[str]) -> Json:
        return {"text_docs": list(texts), **self.predict_options}

    def table(self, vectors: Mapping[str, Vector]) -> pa.Table:
        """The rows of a vectors file: text hash -> vector."""
        columns = {
            name: [vector[number] for vector in vectors.values()] for number, name in enumerate(self.columns.names)
        }
        schema = pa.schema([("text_hash", pa.string()), *self.columns])
        return pa.table({"text_hash": list(vectors), **columns}, schema=schema)
