"""Tables that leave the console for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

_A_PART = 50
# A spreadsheet takes a cell that begins so for a formula, and works it out.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(rows: Iterable[Sequence[object]]) -> str:
    """RFC 4180, the first row being the headings; None is an empty cell. A text that would be a formula begins with a quote."""
    return "".join(csv_parts(rows))


def csv_parts(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The same, some rows at a time."""
    left = iter(rows)
    while part := list(islice(left, _A_PART)):
        text = io.StringIO()
        csv.writer(text).writerows([_cell(value) for value in row] for row in part)
        yield text.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
