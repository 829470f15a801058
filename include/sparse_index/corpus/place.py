"""Where a row of the corpus is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where a row of the corpus is: file (full address) in which version, row group, row within it.

    All None for a document that was deleted from the corpus. `text_hash` is that of the row's text, if it has one.
    """

    file: str | None
    file_version: str | None
    row_group: int | None
    row: int | None
    text_hash: str | None = None


@dataclass(frozen=True)
class Location:
    """Where a row is: full address of the file, its version, row group, row within the row group."""

    file: str
    file_version: str
    row_group: int
    row: int
