"""Kinds of arrow types: what encodings and widths of one kind have in common."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa


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
