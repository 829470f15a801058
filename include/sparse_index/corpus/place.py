"""Where a row of the corpus is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Place:
    """A row of the corpus: the full address of its file, which version of that, the row group, the row within it, and the
    hash of the row's text, if it has one."""

    file: str
    file_version: str
    row_group: int
    row: int
    text_hash: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Place:
        """The place that a row of a manifest, a part or a dead letter names; it must name one."""
        return cls(**{name: row[name] for name in COLUMNS})


COLUMNS = tuple(each.name for each in fields(Place))
