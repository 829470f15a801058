"""Arrow types and values as OpenSearch fields and JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sparse_index.cluster import Json
from sparse_index.errors import ConfigError

_IsType = Callable[[pa.DataType], bool]
_TEXT: Json = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
# scaled_float keeps value x 10**scale in 64 bits; a wider decimal would be clipped there in silence.
_LONGEST_SCALED = 18


def is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


_SIMPLE: tuple[tuple[_IsType, Json], ...] = (
    (is_text, _TEXT),
    (pa.types.is_boolean, {"type": "boolean"}),
    (pa.types.is_uint64, {"type": "unsigned_long"}),
    (pa.types.is_integer, {"type": "long"}),
    (pa.types.is_floating, {"type": "double"}),
    (lambda kind: pa.types.is_date(kind) or pa.types.is_timestamp(kind), {"type": "date"}),
)


def is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type of one value: lists opened."""
    return plain_type(kind.value_type) if is_list(kind) else kind


def field_mapping(kind: pa.DataType) -> Json:
    """The OpenSearch field for a logical arrow type; ConfigError for types that have none (struct, map, binary, time)."""
    plain = plain_type(kind)
    if pa.types.is_null(plain):
        raise ConfigError(
            "it has no value in any file, so its type is unknown: write it with its type, or leave it out of `source.columns`"
        )
    if pa.types.is_decimal(plain):
        return _decimal_mapping(plain)
    for matches, mapping in _SIMPLE:
        if matches(plain):
            return dict(mapping)
    raise ConfigError(f"the type {kind} cannot become a field: leave it out of `source.columns`, or flatten it")


def _decimal_mapping(kind: pa.DataType) -> Json:
    if kind.precision > _LONGEST_SCALED or kind.scale < 0:
        return {"type": "double"}
    return {"type": "scaled_float", "scaling_factor": 10**kind.scale}


def column_values(array: pa.Array) -> list[Any]:
    """JSON-able values of one column of a logical type, null as None.

    Dates and instants are ISO-8601 (UTC, without trailing zeros, so that the unit of the file does not matter), decimals
    are text, NaN and infinity are None, bytes that are no UTF-8 become U+FFFD.
    """
    convert = next((convert for matches, convert in _CONVERTERS if matches(array.type)), _plain)
    return convert(array)


def any_values(array: pa.Array) -> list[Any]:
    """Values of a column of any type: as they are indexed where a field can hold them, else as Python has them, else (an
    instant of the year 12000 within a struct) in Arrow's words."""
    try:
        field_mapping(array.type)
    except ConfigError:
        return _unmapped(array)
    return column_values(array)


def _unmapped(array: pa.Array) -> list[Any]:
    try:
        values: list[Any] = array.to_pylist()
    except (ValueError, OverflowError, pa.ArrowException):
        return [array.slice(at, 1).to_string() for at in range(len(array))]
    return values


def _plain(array: pa.Array) -> list[Any]:
    # numpy is several times faster, but has no null but for objects.
    values: list[Any] = array.to_pylist() if array.null_count else array.to_numpy(zero_copy_only=False).tolist()
    return values


def _texts(array: pa.Array) -> list[Any]:
    try:
        values: list[Any] = array.to_numpy(zero_copy_only=False).tolist()
    except (UnicodeDecodeError, pa.ArrowException):
        raw = array.cast(pa.large_binary()).to_pylist()
        return [None if value is None else value.decode("utf-8", "replace") for value in raw]
    return values


def _finite(array: pa.Array) -> list[Any]:
    values = array.to_numpy(zero_copy_only=False).tolist()
    return [value if math.isfinite(value) else None for value in values]


def _instants(array: pa.Array) -> list[Any]:
    unit = array.type.unit
    # With a zone or without: the number counts from 1970 in UTC.
    texts = array.cast(pa.int64()).cast(pa.timestamp(unit)).cast(pa.string())
    if unit != "s":
        texts = pc.replace_substring_regex(texts, r"\.?0+$", "")
    return _texts(pc.binary_join_element_wise(pc.replace_substring(texts, " ", "T", max_replacements=1), "Z", ""))


def _lists(array: pa.Array) -> list[Any]:
    offsets = array.offsets.to_pylist()
    first = offsets[0] if offsets else 0
    values = column_values(array.values.slice(first, offsets[-1] - first)) if offsets else []
    bounds = zip(array.is_valid().to_pylist(), offsets, offsets[1:], strict=False)
    return [values[low - first : high - first] if valid else None for valid, low, high in bounds]


_CONVERTERS: tuple[tuple[_IsType, Callable[[pa.Array], list[Any]]], ...] = (
    (is_text, _texts),
    (pa.types.is_floating, _finite),
    (is_list, _lists),
    (pa.types.is_timestamp, _instants),
    (pa.types.is_date, lambda array: _texts(array.cast(pa.date32()).cast(pa.string()))),
    (pa.types.is_decimal, lambda array: _texts(array.cast(pa.string()))),
)
