"""What an arrow type means, whatever its storage, and which type holds the values of two others."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from sparse_index.corpus.arrow_types import is_bytes, is_list, is_text, is_uuid, plain_type

_DECIMAL128_DIGITS, _MOST_DIGITS = 38, 76
_INSTANT = pa.timestamp("us", tz="UTC")
_Rule = Callable[[pa.DataType, pa.DataType], pa.DataType | None]


def decoded_type(kind: pa.DataType) -> pa.DataType:
    """The type without encodings: dictionaries and extensions (but UUID) as what they store, strings, bytes and lists of one
    kind each."""
    if pa.types.is_dictionary(kind):
        return decoded_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType) and not is_uuid(kind):
        return decoded_type(kind.storage_type)
    nested = _nested(kind, decoded_type)
    if nested is not None:
        return nested
    return pa.string() if is_text(kind) else pa.binary() if is_bytes(kind) else kind


def _nested(kind: pa.DataType, inner: Callable[[pa.DataType], pa.DataType]) -> pa.DataType | None:
    """The list, struct or map with `inner` of what is in it; None for a single value."""
    if is_list(kind):
        return pa.list_(inner(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, inner(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(inner(kind.key_type), inner(kind.item_type))
    return None


def logical_type(kind: pa.DataType) -> pa.DataType:
    """One type for all that mean the same: whole numbers of any width, floats, days, and instants, whose unit and zone are
    storage (an instant without zone is taken as UTC)."""
    kind = decoded_type(kind)
    nested = _nested(kind, logical_type)
    if nested is not None:
        return nested
    return next((meaning for matches, meaning in _MEANINGS if matches(kind)), kind)


_MEANINGS: tuple[tuple[Callable[[pa.DataType], bool], pa.DataType], ...] = (
    (lambda kind: pa.types.is_integer(kind) and not pa.types.is_uint64(kind), pa.int64()),
    (pa.types.is_floating, pa.float64()),
    (pa.types.is_date, pa.date32()),
    (pa.types.is_timestamp, _INSTANT),
    (pa.types.is_time, pa.time64("ns")),
)


def is_untyped(kind: pa.DataType) -> bool:
    """Whether no value of it was ever seen: null, or lists of null."""
    return bool(pa.types.is_null(plain_type(kind)))


def common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The logical type that holds every value of both logical types; None when values would be lost or change their meaning.

    double holds whole numbers up to 2^53: that each one is within is checked when it is read.
    """
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if is_list(one) and is_list(other):
        inner = common_type(one.value_type, other.value_type)
        return None if inner is None else pa.list_(inner)
    return next((found for rule in _RULES if (found := rule(one, other)) is not None), None)


def _structs(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    if not (pa.types.is_struct(one) and pa.types.is_struct(other)):
        return None
    fields = {field.name: field.type for field in one}
    for field in other:
        kind = common_type(fields.get(field.name, field.type), field.type)
        if kind is None:
            return None
        fields[field.name] = kind
    return pa.struct(list(fields.items()))


def _maps(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    if not (pa.types.is_map(one) and pa.types.is_map(other)) or one.key_type != other.key_type:
        return None
    inner = common_type(one.item_type, other.item_type)
    return None if inner is None else pa.map_(one.key_type, inner)


def _bytes(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Text is bytes too; whether bytes are text is for `index.fields` to say."""
    return pa.binary() if {one, other} == {pa.string(), pa.binary()} else None


def _numbers(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Neither of int64 and uint64 holds the other."""
    numbers = all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in (one, other))
    floating = pa.types.is_floating(one) or pa.types.is_floating(other)
    return pa.float64() if numbers and floating else None


def _decimals(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    if not (pa.types.is_decimal(one) and pa.types.is_decimal(other)):
        return None
    scale = max(one.scale, other.scale)
    digits = scale + max(one.precision - one.scale, other.precision - other.scale)
    if digits > _MOST_DIGITS:
        return None
    return pa.decimal128(digits, scale) if digits <= _DECIMAL128_DIGITS else pa.decimal256(digits, scale)


def _instants(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """A day is an instant too: its midnight."""
    times = all(pa.types.is_date(kind) or pa.types.is_timestamp(kind) for kind in (one, other))
    return _INSTANT if times else None


_RULES: tuple[_Rule, ...] = (_structs, _maps, _bytes, _numbers, _decimals, _instants)
