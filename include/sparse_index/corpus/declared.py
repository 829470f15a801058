"""The types that `index.fields` may give a column, and how its values are written for each.

A declared type takes the columns whose values it can hold; anything else is refused rather than bent. A type that is not in
the table here is the cluster's own affair: values go there in their natural form.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa

from sparse_index.config.fields import FieldMapping
from sparse_index.corpus import as_json as to
from sparse_index.corpus.arrow_types import is_bytes, is_instant, is_text, is_uuid
from sparse_index.corpus.as_json import Convert
from sparse_index.corpus.natural import natural
from sparse_index.corpus.nested import points
from sparse_index.errors import ConfigError

_Takes = tuple[tuple[Callable[[pa.DataType], bool], Convert], ...]

_POINTS = frozenset({"geo_point", "xy_point"})
_TEXTS: _Takes = (
    (is_text, to.texts),
    (is_bytes, to.utf8),
    (is_uuid, to.uuids),
    (pa.types.is_integer, to.plain),
    (pa.types.is_boolean, to.plain),
    (pa.types.is_decimal, to.spelled_decimals),
    (is_instant, to.instants),
    (pa.types.is_date, to.dates),
    (pa.types.is_time, to.times),
)
_WHOLES: _Takes = (
    (pa.types.is_integer, to.plain),
    (pa.types.is_floating, to.whole_floats),
    (pa.types.is_decimal, to.whole_decimals),
    (pa.types.is_duration, to.counts),
)
_REALS: _Takes = (
    (pa.types.is_integer, to.plain),
    (pa.types.is_floating, to.floats),
    (pa.types.is_decimal, to.decimals),
)
_DATES: _Takes = (
    (is_instant, to.instants),
    (pa.types.is_date, to.dates),
    (pa.types.is_time, to.times),
    (is_text, to.texts),
    (pa.types.is_integer, to.plain),
)
_WORDS: _Takes = ((is_text, to.texts), (is_bytes, to.utf8))
_TAKES: dict[str, _Takes] = {
    **dict.fromkeys(("text", "keyword", "match_only_text", "wildcard", "search_as_you_type", "completion"), _TEXTS),
    **dict.fromkeys(("byte", "short", "integer", "long", "unsigned_long"), _WHOLES),
    **dict.fromkeys(("double", "float", "half_float", "scaled_float", "rank_feature"), _REALS),
    **dict.fromkeys(("date", "date_nanos"), _DATES),
    **dict.fromkeys(("ip", "version"), _WORDS),
    "boolean": ((pa.types.is_boolean, to.plain),),
    "binary": ((is_bytes, to.based),),
}
_NEEDS_FORMAT = "a date from numbers, or from a time of day, needs its `format` (epoch_millis, epoch_second, HH:mm:ss)"
# Up to here a field of this type has every whole number.
_EVERY_WHOLE = {"half_float": 2**11, "float": 2**24, "double": 2**53, "scaled_float": 2**53}


def takes_any_text(declared: FieldMapping) -> bool:
    """Whether the field keeps a text as it is written: no number is made of it."""
    return _TAKES.get(declared["type"]) in (_TEXTS, _WORDS)


def declared_converter(kind: pa.DataType, declared: FieldMapping) -> Convert:
    """How values of a column of single values (or of points) are written for a declared field that is no object; ConfigError
    when it cannot hold them."""
    name = str(declared["type"])
    if name in _POINTS and pa.types.is_struct(kind):
        return points(natural(kind))
    takes = _TAKES.get(name)
    if takes is None or pa.types.is_null(kind):
        return natural(kind)
    for matches, convert in takes:
        if matches(kind):
            _require_format(kind, declared)
            return _in_reach(kind, declared, convert)
    raise ConfigError(
        f"`index.fields` makes it {name}, which does not hold {kind}: declare another type, or cast the column"
    )


def _require_format(kind: pa.DataType, declared: FieldMapping) -> None:
    numbers = pa.types.is_integer(kind) or pa.types.is_time(kind)
    if str(declared["type"]).startswith("date") and numbers and "format" not in declared:
        raise ConfigError(_NEEDS_FORMAT)


def _in_reach(kind: pa.DataType, declared: FieldMapping, convert: Convert) -> Convert:
    """A declared number may have coarser fractions than the column. A whole number stays what it is, and nothing is clipped:
    the cluster does both without a word, and refuses by itself what is beyond the other types."""
    name, factor = str(declared["type"]), Decimal(str(declared.get("scaling_factor", 1)))
    is_scaled = name == "scaled_float"
    if name not in _EVERY_WHOLE or (pa.types.is_floating(kind) and not is_scaled):
        return convert
    most = 2**63 if pa.types.is_floating(kind) else _EVERY_WHOLE[name]

    def kept(value: Any) -> bool:
        number = Decimal(value)
        is_fraction = number != number.to_integral_value()
        return (is_fraction and not is_scaled) or abs(number * factor) <= most

    return to.only(convert, kept, f"is beyond what {name} keeps: declare another type, keyword perhaps")
