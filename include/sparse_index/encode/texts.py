"""What goes into encoding and what comes out: texts, vectors, rejections."""

from __future__ import annotations

from dataclasses import dataclass

from sparse_index.corpus.place import Place
from sparse_index.vectors.kind import Vector


@dataclass(frozen=True)
class Text:
    """A distinct text, the vector field that it is encoded for and the first row of the corpus that has it (`id`: that row's)."""

    field: str
    text_hash: str
    text: str
    id: str
    place: Place


@dataclass(frozen=True)
class Encoded:
    """A text with its vector."""

    text: Text
    vector: Vector


@dataclass(frozen=True)
class Rejected:
    """A text that gets no vector, and why."""

    text: Text
    error_class: str
    reason: str
    attempt: int


TextOutcome = Encoded | Rejected
