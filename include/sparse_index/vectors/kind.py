"""A kind of vectors as one value: all that the stages between a model's answer and a search have to know about it.

A stage asks the kind and passes on what it gets. What a model answers for one text is an *output*, of the kind's own type;
what is kept of it a *vector*; its columns in the store, one value each, are what is *stored*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from sparse_index.cluster.client import Json
from sparse_index.config.encoder import Pruning
from sparse_index.vectors.likeness import Likeness

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
    `filters` (queries) let through; a kind knows where a filter has to stand to be right. `shows`: whether the hits tell which
    of a document's passages is the best."""

    candidates: int
    filters: Sequence[Json] = ()
    shows: bool = False


@dataclass(frozen=True)
class Piece:
    """A text of a document with its vector: the whole text, or one passage of it, and then what says which (JSON: `number`,
    `start`, `end`, `text`)."""

    stored: Stored
    passage: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """By which a cluster shows whether it tells vectors of a kind apart.

    `mapping`: of their field, in an index of these documents alone; `vectors`: the field's JSON in each; `query`: (field,
    number of a document) -> a query that finds that one and no other. `why`: what is in doubt, a clause; `remedy`: what to do.
    """

    mapping: Json
    vectors: Sequence[Json]
    query: Callable[[str, int], Json]
    why: str
    remedy: str


@dataclass(frozen=True)
class Shown:
    """What a hit tells of the vector that it was found by: its JSON (None: it has none, or its source was left out) and, of a
    text that was divided, the passage (`number`, `start`, `end`, `text`)."""

    vector: Any = None
    passage: Json | None = None


def _in_its_source(field: str, hit: Json) -> Shown:
    return Shown(hit["_source"].get(field))


def _the_only_one(value: Any) -> list[Any]:
    return [value]


def in_source(fields: Iterable[str]) -> list[str]:
    """What a search's `_source` has to name for these vector fields: of a nested one named alone the cluster (3.6.0) gives a 1 in
    place of each dense vector."""
    return [name for field in fields for name in (field, f"{field}.*")]


def _has_room(_mapping: Json, _largest: float) -> str:
    return ""


def _whole(kind: VectorKind, pieces: Sequence[Piece]) -> Any:
    """Of a text that was not divided."""
    (piece,) = pieces
    return kind.in_document(piece.stored)


@dataclass(frozen=True)
class VectorKind:
    """`function`: ML Commons' name for models of this kind. `predict_options`: what a predict request says beside its texts.
    `read`: the answer to so many texts -> an output each, in their order; `ModelError` for any other shape. `from_numbers`:
    what the model itself gives for one text (one dimension, float32) and the tokens of its vocabulary by their ids -> the same
    output.

    `vector`: what is kept of an output. `is_empty`: whether nothing is left of it that a search could find; it is kept all the
    same, so that its text is not encoded again, but no document gets it; `empty_rows`: the same in SQL, of rows of a vectors
    file. `columns`: of its file, beside the text's hash.
    `in_document`: the JSON of a vector; None for an empty one. `combine`: of a document's texts (in order, one at least) the JSON
    of the field; None leaves the field out. `vectors_in`: that JSON -> the JSON of each vector in it, None for an empty one.
    `size`: of a vector's JSON, never 0.

    `mapping`: of the field, in an index that has `index_settings`, whose values are texts as the cluster tells them.
    `clause`: (field, output for the query, what is asked) -> a query, for which the cluster needs `query_plugin`;
    `query_word` is its name. `by_text`: (field, text, what is asked) -> a query whose text the cluster encodes.
    `filters_inside`: it looks at filters itself, and needs them within. `as_output`: the JSON of a vector -> an output that asks
    for what is like it. `finds_all`: whether the query misses no document that it should find; where it is approximate, sets of
    hits may differ. `exact_scores`: whether a document's score depends on nothing but query and document.
    `scores`: (outputs for queries, rows of a vectors file) -> as the cluster scores them when it looks at every document, a
    row of float64 for each output; -inf where a vector does not match. `pruned`: rows of a vectors file as another setting would
    have kept them; None where nothing prunes.

    `likeness`: how vectors of this kind are compared. `matched`: (output for the query, JSON of a vector) -> what both have, with
    its share of the score; None where a person could read nothing from it. `has_passages`: whether a document has several
    vectors, of which the best one counts. `shown`: (field, hit of a search that shows) -> what it was found by.

    `stopped_by`: a setting of the cluster; while it is true, documents with such vectors are refused. `needs_natives`: whether
    nodes without the k-NN plugin's native libraries would end; `has_natives`: whether the corpus file says that none is without.
    `bytes_each`: about what a vector takes in the index, and of the nodes' memory beside their heaps where searches are to be
    quick; None where it follows from the texts. `dimension`: numbers in each vector, None where they have tokens.

    `since`: the first OpenSearch that has such fields. `with_ids`: of a kind that writes tokens as their ids, the kind that knows
    them (token -> id); it writes and asks nothing before. `trial`: what a cluster has to pass before it gets such vectors.
    `fitted`: (the largest amount in any vector) -> the mapping of a new index, which has to be told. `outgrown`: (the field's
    mapping in an index, that amount) -> why it has no room for it, a clause; "" where it has.
    """

    function: str
    predict_options: Json
    read: Callable[[Any, int], Sequence[Any]]
    from_numbers: Callable[[np.ndarray, Sequence[str]], Any]
    vector: Callable[[Any], Vector]
    is_empty: Callable[[Vector], bool]
    empty_rows: str
    columns: pa.Schema
    in_document: Callable[[Stored], Any]
    size: Callable[[Any], int]
    mapping: Json
    index_settings: Json
    clause: Callable[[str, Any, Asked], Json]
    scores: Callable[[Sequence[Any], pa.RecordBatch], np.ndarray]
    pruned: Callable[[pa.RecordBatch, Pruning], pa.RecordBatch] | None
    query_plugin: str
    query_word: str
    by_text: Callable[[str, str, Asked], Json]
    as_output: Callable[[Any], Any]
    finds_all: bool
    likeness: Likeness
    filters_inside: bool = False
    combine: Callable[[VectorKind, Sequence[Piece]], Any] = _whole
    vectors_in: Callable[[Any], list[Any]] = _the_only_one
    exact_scores: bool = True
    matched: Callable[[Any, Any], Mapping[str, float]] | None = None
    has_passages: bool = False
    shown: Callable[[str, Json], Shown] = _in_its_source
    stopped_by: str | None = None
    needs_natives: bool = False
    has_natives: bool = False
    bytes_each: int | None = None
    since: tuple[int, ...] = ()
    with_ids: Callable[[Mapping[str, int]], VectorKind] | None = None
    trial: Trial | None = None
    fitted: Callable[[float], Json] | None = None
    outgrown: Callable[[Json, float], str] = _has_room
    dimension: int | None = None

    def value(self, pieces: Sequence[Piece]) -> Any:
        """The field's JSON in a document with these texts; None leaves the field out."""
        return self.combine(self, pieces)

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
