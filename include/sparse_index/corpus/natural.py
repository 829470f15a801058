"""The JSON form of each type where nobody asks for another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from sparse_index.corpus import as_json as to
from sparse_index.corpus.arrow_types import is_bytes, is_instant, is_list, is_text, is_uuid
from sparse_index.corpus.as_json import Convert
from sparse_index.corpus.nested import lists, maps, objects
from sparse_index.errors import ConfigError

_NATURAL: tuple[tuple[Callable[[pa.DataType], bool], Convert], ...] = (
    (is_text, to.texts),
    (pa.types.is_null, to.plain),
    (pa.types.is_boolean, to.plain),
    (pa.types.is_integer, to.plain),
    (pa.types.is_floating, to.floats),
    (is_instant, to.instants),
    (pa.types.is_date, to.dates),
    (pa.types.is_decimal, to.decimals),
    (pa.types.is_time, to.times),
    (pa.types.is_duration, to.counts),
    (is_bytes, to.based),
    (is_uuid, to.uuids),
)


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
