"""Arrow types and values as OpenSearch fields and JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from sparse_index.cluster import Json
from sparse_index.errors import ConfigError

_IsType = Callable[[pa.DataType], bool]
_TEXT: Json = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
_SIMPLE: tuple[tuple[_IsType, Json], ...] = (
    (lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind), _TEXT),
    (pa.types.is_boolean, {"type": "boolean"}),
    (pa.types.is_integer, {"type": "long"}),
    (pa.types.is_floating, {"type": "double"}),
    (lambda kind: pa.types.is_date(kind) or pa.types.is_timestamp(kind), {"type": "date"}),
)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type of one value: dictionaries decoded, lists opened."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return plain_type(kind.value_type)
    return kind


def field_mapping(kind: pa.DataType) -> Json:
    """The OpenSearch field for an arrow type; ConfigError for types that have none (struct, map, binary)."""
    plain = plain_type(kind)
    if pa.types.is_decimal(plain):
        return {"type": "scaled_float", "scaling_factor": 10 ** max(plain.scale, 0)}
    for matches, mapping in _SIMPLE:
        if matches(plain):
            return dict(mapping)
    raise ConfigError(
        f"A column of type {kind} cannot become a field: leave it out of `source.columns`, or flatten it."
    )


def column_values(array: pa.Array) -> list[Any]:
    """JSON-able values of one column: dates in ISO-8601 (UTC), decimals as text, NaN and infinity as null."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    values = array.to_pylist()
    plain = plain_type(array.type)
    convert = _converter(plain)
    return values if convert is None else [_each(convert, value) for value in values]


def _each(convert: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, list):
        return [_each(convert, item) for item in value]
    return None if value is None else convert(value)


def _converter(plain: pa.DataType) -> Callable[[Any], Any] | None:
    if pa.types.is_timestamp(plain):
        return _instant
    if pa.types.is_date(plain):
        return lambda value: value.isoformat()
    if pa.types.is_decimal(plain):
        return str
    if pa.types.is_floating(plain):
        return lambda value: value if math.isfinite(value) else None
    return None


def _instant(value: datetime) -> str:
    moment = value if value.tzinfo is None else value.astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat() + "Z"
