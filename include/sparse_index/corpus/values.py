"""Arrow columns as JSON values, each kept exactly: what cannot be kept is named, never changed in silence."""

from __future__ import annotations

import base64
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparse_index.errors import ConfigError

NOT_UNICODE = "bytes that are no UTF-8"
TWICE = "a key that is there twice"
_LARGEST_INTEGER = 2**64 - 1
_SMALLEST_INTEGER = -(2**63)


@dataclass(frozen=True)
class Column:
    """JSON values of one column, null as None.

    `problems`: row -> why its value cannot be kept (None, or a readable stand-in, is in its place); `missing`: how many NaN
    became None.
    """

    values: list[Any]
    problems: Mapping[int, str] = field(default_factory=dict)
    missing: int = 0


Convert = Callable[[pa.Array], Column]
_IsType = Callable[[pa.DataType], bool]


def is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_bytes(kind: pa.DataType) -> bool:
    types = pa.types
    sized = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    return bool(sized or types.is_fixed_size_binary(kind))


def is_list(kind: pa.DataType) -> bool:
    """Not a list view: Arrow's cast to a list is broken (the offsets end one too early where the last one is null)."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def is_instant(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind))


def is_uuid(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.UuidType)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type of one value: lists opened."""
    return plain_type(kind.value_type) if is_list(kind) else kind


def time_leaves(array: pa.Array) -> Iterator[pa.Array]:
    """The days and instants of a column, wherever in it they are."""
    if pa.types.is_timestamp(array.type) or pa.types.is_date32(array.type):
        yield array
    elif pa.types.is_struct(array.type):
        for child in array.flatten():
            yield from time_leaves(child)
    elif pa.types.is_map(array.type):
        yield from time_leaves(array.keys)
        yield from time_leaves(array.items)
    elif is_list(array.type):
        yield from time_leaves(array.flatten())


def through_lists(kind: pa.DataType, convert: Convert) -> Convert:
    """`convert` for the single values of a column that may be of lists (of lists)."""
    return lists(through_lists(kind.value_type, convert)) if is_list(kind) else convert


def natural(kind: pa.DataType) -> Convert:
    """The JSON form of a logical type where nobody asks for another; ConfigError where there is none.

    Dates and instants are ISO-8601 (UTC, without trailing zeros, so that the unit of the file does not matter), decimals
    and times of day are text, bytes are base64, durations count the unit of the column.
    """
    if is_list(kind):
        return lists(natural(kind.value_type))
    if pa.types.is_struct(kind):
        return objects({child.name: natural(child.type) for child in kind})
    if pa.types.is_map(kind):
        return maps(kind, natural(kind.item_type))
    for matches, convert in _NATURAL:
        if matches(kind):
            return convert
    raise ConfigError(f"the type {kind} has no JSON form")


def readable_values(array: pa.Array) -> list[Any]:
    """Values of a column of any type, for a person: in JSON's form where there is one, else in Arrow's words."""
    try:
        return natural(array.type)(array).values
    except ConfigError:
        return [array.slice(at, 1).to_string() for at in range(len(array))]


def plain(array: pa.Array) -> Column:
    # numpy is several times faster, but has no null but for objects.
    return Column(array.to_pylist() if array.null_count else array.to_numpy(zero_copy_only=False).tolist())


def texts(array: pa.Array) -> Column:
    """Text; bytes that are no UTF-8 stand there as U+FFFD and are a problem."""
    try:
        return Column(array.to_numpy(zero_copy_only=False).tolist())
    except (UnicodeDecodeError, pa.ArrowException):
        return _decoded(array.cast(pa.large_binary()).to_pylist())


def utf8(array: pa.Array) -> Column:
    """Bytes as the text that they are in UTF-8."""
    return _decoded(array.to_pylist())


def _decoded(raw: Sequence[bytes | None]) -> Column:
    values = [None if value is None else value.decode("utf-8", "replace") for value in raw]
    # A text that had U+FFFD from the start encodes to what it was.
    broken = (row for row, value in enumerate(values) if value is not None and value.encode() != raw[row])
    return Column(values, dict.fromkeys(broken, NOT_UNICODE))


def based(array: pa.Array) -> Column:
    return Column([None if value is None else base64.b64encode(value).decode() for value in array.to_pylist()])


def floats(array: pa.Array) -> Column:
    """NaN is how many writers say "missing": null. An infinity is a value that no field can hold."""
    numbers = array.to_numpy(zero_copy_only=False)
    finite = np.isfinite(numbers)
    if finite.all():
        return Column(numbers.tolist())
    values = [number if kept else None for number, kept in zip(numbers.tolist(), finite, strict=True)]
    infinite = np.flatnonzero(np.isinf(numbers)).tolist()
    return Column(values, dict.fromkeys(infinite, "infinity"), int(np.isnan(numbers).sum()) - array.null_count)


def whole_floats(array: pa.Array) -> Column:
    found = floats(array)
    return _whole(found.values, found)


def whole_decimals(array: pa.Array) -> Column:
    found = decimals(array)
    return _whole([None if text is None else Decimal(text) for text in found.values], found)


def _whole(numbers: Sequence[Any], found: Column) -> Column:
    """Numbers without a fraction as integers of 64 bits."""
    bad = {row: f"{number} is no whole number of 64 bits" for row, number in enumerate(numbers) if not _fits(number)}
    values = [None if number is None or row in bad else int(number) for row, number in enumerate(numbers)]
    return Column(values, {**found.problems, **bad}, found.missing)


def _fits(number: Any) -> bool:
    return number is None or (number == int(number) and _SMALLEST_INTEGER <= number <= _LARGEST_INTEGER)


def decimals(array: pa.Array) -> Column:
    return texts(array.cast(pa.string()))


def spelled_decimals(array: pa.Array) -> Column:
    """Decimals as people write them, `0.0000001`: Arrow's `1E-7` would not be found."""
    found = decimals(array).values
    return Column([format(Decimal(text), "f") if text is not None and "E" in text else text for text in found])


def exact_decimals(kept: Callable[[str], bool]) -> Convert:
    """Decimals of which `kept` says that the field holds them exactly."""

    def of(array: pa.Array) -> Column:
        values = decimals(array).values
        lost = (row for row, text in enumerate(values) if text is not None and not kept(text))
        remedy = "has more digits than a number of the index keeps: let index.fields make it a keyword"
        return Column(values, {row: f"{values[row]} {remedy}" for row in lost})

    return of


def instants(array: pa.Array) -> Column:
    """With a zone or without: the number counts from 1970 in UTC."""
    unit = array.type.unit
    written = array.cast(pa.int64()).cast(pa.timestamp(unit)).cast(pa.string())
    if unit != "s":
        written = pc.replace_substring_regex(written, r"\.?0+$", "")
    written = pc.binary_join_element_wise(pc.replace_substring(written, " ", "T", max_replacements=1), "Z", "")
    return _calendar(written)


def dates(array: pa.Array) -> Column:
    return _calendar(array.cast(pa.date32()).cast(pa.string()))


def _calendar(written: pa.Array) -> Column:
    """ISO-8601 writes years beyond 9999 with a sign; Arrow's calendar ends with the years -32767 and 32767."""
    unusual = pc.match_substring_regex(written, r"^(\d{5}|<)")
    if not pc.any(unusual).as_py():
        return texts(written)
    values = texts(pc.replace_substring_regex(written, r"^(\d{5})", r"+\1")).values
    beyond = [row for row, text in enumerate(values) if text is not None and text.startswith("<")]
    values = [None if text is not None and text.startswith("<") else text for text in values]
    return Column(values, dict.fromkeys(beyond, "an instant beyond the years -32767 to 32767"))


def times(array: pa.Array) -> Column:
    written = array.cast(pa.string())
    return texts(written if array.type.unit == "s" else pc.replace_substring_regex(written, r"\.?0+$", ""))


def counts(array: pa.Array) -> Column:
    return plain(array.cast(pa.int64()))


def uuids(array: pa.Array) -> Column:
    return Column([None if value is None else str(value) for value in array.to_pylist()])


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


def maps(kind: pa.DataType, convert: Convert) -> Convert:
    """Maps with text keys as objects; a key that comes twice is a problem. ConfigError for other keys."""
    if not is_text(kind.key_type):
        raise ConfigError(f"the keys of {kind} are no text, and JSON has no others")

    def of(array: pa.Array) -> Column:
        offsets = array.offsets.to_pylist()
        first, count = (offsets[0], offsets[-1] - offsets[0]) if offsets else (0, 0)
        keys, items = texts(array.keys.slice(first, count)), convert(array.items.slice(first, count))
        every = list(zip(keys.values, items.values, strict=True))
        bounds = zip(array.is_valid().to_pylist(), offsets, offsets[1:], strict=False)
        rows = [every[low - first : high - first] if valid else None for valid, low, high in bounds]
        twice = {row: TWICE for row, pairs in enumerate(rows) if pairs is not None and len(dict(pairs)) < len(pairs)}
        values = [pairs if pairs is None or row in twice else dict(pairs) for row, pairs in enumerate(rows)]
        return Column(values, {**_of_rows(keys, offsets), **_of_rows(items, offsets), **twice}, items.missing)

    return of


def _of_rows(inner: Column, offsets: Sequence[int]) -> dict[int, str]:
    """The problems of elements as problems of the rows that hold them."""
    return {bisect_right(offsets, offsets[0] + at) - 1: reason for at, reason in inner.problems.items()}


_NATURAL: tuple[tuple[_IsType, Convert], ...] = (
    (is_text, texts),
    (pa.types.is_null, plain),
    (pa.types.is_boolean, plain),
    (pa.types.is_integer, plain),
    (pa.types.is_floating, floats),
    (is_instant, instants),
    (pa.types.is_date, dates),
    (pa.types.is_decimal, decimals),
    (pa.types.is_time, times),
    (pa.types.is_duration, counts),
    (is_bytes, based),
    (is_uuid, uuids),
)
