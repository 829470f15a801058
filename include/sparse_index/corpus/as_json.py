"""Arrow columns as JSON values, each kept exactly: what cannot be kept is named, never changed in silence."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NOT_UNICODE = "bytes that are no UTF-8"
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


def only(convert: Convert, kept: Callable[[Any], bool], reason: str) -> Convert:
    """`convert`, with a problem of this reason where `kept` says that the field does not hold the JSON value."""

    def of(array: pa.Array) -> Column:
        found = convert(array)
        lost = (row for row, value in enumerate(found.values) if value is not None and not kept(value))
        return replace(found, problems={**found.problems, **{row: f"{found.values[row]} {reason}" for row in lost}})

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
