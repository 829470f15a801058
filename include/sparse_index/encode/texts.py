"""What goes into encoding and what comes out: texts, vectors, rejections."""

from __future__ import annotations

from dataclasses import dataclass

from sparse_index.encode.vectors import SparseVector


@dataclass(frozen=True)
class Text:
    """A distinct text and the first place of the corpus that has it; `source` is that row as JSON, for a dead letter."""

    text_hash: str
    text: str
    id: str
    file: str
    row_group: int
    row: int
    source: str = ""


@dataclass(frozen=True)
class Encoded:
    """A text with its vector."""

    text: Text
    vector: SparseVector


@dataclass(frozen=True)
class Rejected:
    """A text that gets no vector, and why."""

    text: Text
    error_class: str
    reason: str
    attempt: int


Outcome = Encoded | Rejected
