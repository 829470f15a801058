"""Lists, structs and maps as JSON values, by the conversions of what is in them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from sparse_index.corpus.arrow_types import is_list, is_text
from sparse_index.corpus.as_json import Column, Convert, texts
from sparse_index.errors import ConfigError

TWICE = "a key that is there twice"


def through_lists(kind: pa.DataType, convert: Convert) -> Convert:
    """`convert` for the single values of a column that may be of lists (of lists)."""
    return lists(through_lists(kind.value_type, convert)) if is_list(kind) else convert


def lists(convert: Convert) -> Convert:
    """Lists of what `convert` converts."""

    def of(array: pa.Array) -> Column:
        offsets = array.offsets.to_pylist()
        first = offsets[0] if offsets else 0
        inner = convert(array.values.slice(first, offsets[-1] - first)) if offsets else Column([])
        bounds = zip(array.is_valid().to_pylist(), offsets, offsets[1:], strict=False)
        values = [inner.values[low - first : high - first] if valid else None for valid, low, high in bounds]
        return Column(values, _of_rows(inner, offsets), inner.missing)

    return of


def objects(children: Mapping[str, Convert]) -> Convert:
    """Structs, each field by its own conversion."""

    def of(array: pa.Array) -> Column:
        parts = [convert(child) for convert, child in zip(children.values(), array.flatten(), strict=True)]
        rows = zip(array.is_valid().to_pylist(), *(part.values for part in parts), strict=True)
        values = [dict(zip(children, row, strict=True)) if valid else None for valid, *row in rows]
        problems = {
            row: f"{name}: {reason}"
            for name, part in zip(children, parts, strict=True)
            for row, reason in part.problems.items()
        }
        return Column(values, problems, sum(part.missing for part in parts))

    return of


def points(convert: Convert) -> Convert:
    """Structs of coordinates; one whose coordinates are all null is no point, and null."""

    def of(array: pa.Array) -> Column:
        found = convert(array)
        values = [
            value if value and any(each is not None for each in value.values()) else None for value in found.values
        ]
        return replace(found, values=values)

    return of


def maps(kind: pa.DataType, convert: Convert, convert_keys: Convert = texts) -> Convert:
    """Maps with text keys as objects; a key that comes twice is a problem. ConfigError for other keys.

    A map has no order, and writers give it another one each day: its keys are sorted.
    """
    if not is_text(kind.key_type):
        raise ConfigError(f"the keys of {kind} are no text, and JSON has no others")

    def of(array: pa.Array) -> Column:
        offsets = array.offsets.to_pylist()
        first, count = (offsets[0], offsets[-1] - offsets[0]) if offsets else (0, 0)
        keys, items = convert_keys(array.keys.slice(first, count)), convert(array.items.slice(first, count))
        every = list(zip(keys.values, items.values, strict=True))
        bounds = zip(array.is_valid().to_pylist(), offsets, offsets[1:], strict=False)
        rows = [every[low - first : high - first] if valid else None for valid, low, high in bounds]
        twice = {row: TWICE for row, pairs in enumerate(rows) if pairs is not None and len(dict(pairs)) < len(pairs)}
        values = [pairs if pairs is None or row in twice else dict(sorted(pairs)) for row, pairs in enumerate(rows)]
        return Column(values, {**_of_rows(keys, offsets), **_of_rows(items, offsets), **twice}, items.missing)

    return of


def _of_rows(inner: Column, offsets: Sequence[int]) -> dict[int, str]:
    """The problems of elements as problems of the rows that hold them."""
    return {bisect_right(offsets, offsets[0] + at) - 1: reason for at, reason in inner.problems.items()}
