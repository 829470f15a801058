"""What a column becomes: the field of the index, and the form of its values.

By itself a column of a simple type becomes the field that keeps it exactly. Another field, and any field for a type that has
no simple one, is declared in `index.fields`: as OpenSearch takes it, beside what is generated. A declared type takes the
columns whose values it can hold; anything else is refused rather than bent. A type that is not in the table here is the
cluster's own affair: values go there in their natural form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeVar

import pyarrow as pa

from sparse_index.cluster import Json
from sparse_index.config.field_names import name_problem
from sparse_index.corpus import values as to
from sparse_index.corpus.kinds import is_bytes, is_instant, is_text, is_uuid, plain_type
from sparse_index.corpus.natural import natural
from sparse_index.corpus.nested import maps, objects, points, through_lists
from sparse_index.corpus.values import Convert
from sparse_index.errors import ConfigError

_IsType = Callable[[pa.DataType], bool]
_Takes = tuple[tuple[_IsType, Convert], ...]
_Made = TypeVar("_Made")

_TEXT: Json = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
# scaled_float keeps value x 10**scale in 64 bits; a wider decimal would be clipped there in silence.
_LONGEST_SCALED = 18
# A double keeps every number of so many decimal digits.
_SURE_DIGITS = 15
_TOO_LONG = "has more digits than a number of the index keeps: let index.fields make it a keyword"
# Up to here a field of this type has every whole number.
_EVERY_WHOLE = {"half_float": 2**11, "float": 2**24, "double": 2**53, "scaled_float": 2**53}
_GENERATED: tuple[tuple[_IsType, Json], ...] = (
    (is_text, _TEXT),
    (pa.types.is_boolean, {"type": "boolean"}),
    (pa.types.is_uint64, {"type": "unsigned_long"}),
    (pa.types.is_integer, {"type": "long"}),
    (pa.types.is_floating, {"type": "double"}),
    (lambda kind: pa.types.is_date(kind) or is_instant(kind), {"type": "date"}),
    (is_uuid, {"type": "keyword"}),
)

ANY_KEY = "*"
_OBJECTS = frozenset({"object", "nested"})
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


def mapping_of(kind: pa.DataType, declared: Json | None = None) -> Json:
    """The field of a column of a logical type; ConfigError when the type cannot be that, or cannot be a field by itself."""
    if declared is None:
        return _generated(plain_type(kind))
    converter_of(kind, declared)
    return declared | _object_parts(plain_type(kind), declared) if declared["type"] in _OBJECTS else dict(declared)


def converter_of(kind: pa.DataType, declared: Json | None = None) -> Convert:
    """How values of the column are written; ConfigError when the declared field cannot hold them."""
    single = plain_type(kind)
    if declared is None:
        return through_lists(kind, _exact(single))
    return through_lists(kind, _declared(single, declared))


def _generated(kind: pa.DataType) -> Json:
    if pa.types.is_null(kind):
        raise ConfigError(
            "it has no value in any file, so its type is unknown: write it with its type, or leave it out of `source.columns`"
        )
    if pa.types.is_decimal(kind):
        return _decimal(kind)
    for matches, mapping in _GENERATED:
        if matches(kind):
            return dict(mapping)
    raise ConfigError(
        f"the type {kind} does not become a field by itself: say in `index.fields` what it is, or leave it out of "
        "`source.columns`"
    )


def _decimal(kind: pa.DataType) -> Json:
    if kind.precision > _LONGEST_SCALED or kind.scale < 0:
        return {"type": "double"}
    return {"type": "scaled_float", "scaling_factor": 10**kind.scale}


def _exact(kind: pa.DataType) -> Convert:
    """Decimals of more digits than a double is sure to keep are looked at one by one."""
    if not pa.types.is_decimal(kind) or kind.precision <= _SURE_DIGITS:
        return natural(kind)
    scaled = _decimal(kind)["type"] == "scaled_float"
    return to.only(to.decimals, (lambda text: _kept_scaled(text, kind.scale)) if scaled else _kept_double, _TOO_LONG)


def _kept_double(text: str) -> bool:
    return Decimal(repr(float(text))) == Decimal(text)


def _kept_scaled(text: str, scale: int) -> bool:
    """Whether the field's own arithmetic (a double x the factor, rounded to 64 bits) stores the number, and a double shows it."""
    product = float(text) * 10**scale
    stored = math.floor(product + 0.5) if abs(product) < 2**52 else int(product)
    return stored == Decimal(text).scaleb(scale) and _kept_double(text)


def _declared(kind: pa.DataType, declared: Json) -> Convert:
    name = str(declared["type"])
    if name in _OBJECTS:
        return _object(kind, declared)
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


def _require_format(kind: pa.DataType, declared: Json) -> None:
    numbers = pa.types.is_integer(kind) or pa.types.is_time(kind)
    if str(declared["type"]).startswith("date") and numbers and "format" not in declared:
        raise ConfigError(_NEEDS_FORMAT)


def _in_reach(kind: pa.DataType, declared: Json, convert: Convert) -> Convert:
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


def _object(kind: pa.DataType, declared: Json) -> Convert:
    if pa.types.is_map(kind) and declared["type"] == "object":
        return maps(kind, converter_of(kind.item_type, _of_items(declared)))
    if not pa.types.is_struct(kind):
        raise ConfigError(
            f"`index.fields` makes it {declared['type']}, which takes structs (an object also maps), not {kind}: declare "
            "another type, flat_object for a map perhaps"
        )
    return objects(_by_name(converter_of, kind, declared))


def _object_parts(kind: pa.DataType, declared: Json) -> Json:
    """The fields within an object: those declared, generated ones for the others."""
    if pa.types.is_map(kind):
        return {"dynamic": "true"}
    return {"properties": _by_name(mapping_of, kind, declared)}


def _by_name(make: Callable[[pa.DataType, Json | None], _Made], kind: pa.DataType, declared: Json) -> dict[str, _Made]:
    """What `make` makes of each field of a struct; its ConfigError with the field's name."""
    made = {}
    for child, inner in _children(kind, declared):
        try:
            made[child.name] = make(child.type, inner)
        except ConfigError as error:
            raise ConfigError(f"in '{child.name}': {error.message}") from error
    return made


def _children(kind: pa.DataType, declared: Json) -> Iterator[tuple[pa.Field, Json | None]]:
    """The fields of a struct with what is declared for each."""
    inner, names = declared.get("properties", {}), [child.name for child in kind]
    problems = [
        *(name_problem(name) for name in names),
        *(f"'{name}' is no field of {kind}" for name in inner.keys() - names),
    ]
    if len(set(names)) < len(names):
        problems.append(f"{kind} has two fields of one name")
    if any(problems):
        raise ConfigError("; ".join(filter(None, problems)))
    return ((child, inner.get(child.name)) for child in kind)


def _of_items(declared: Json) -> Json | None:
    """What is declared for every value of a map, under the name `*`."""
    inner: Json = declared.get("properties", {})
    if inner.keys() - {ANY_KEY}:
        raise ConfigError(f"the keys of a map have one type: declare it as `properties: {{'{ANY_KEY}': ...}}`")
    return inner.get(ANY_KEY)


def key_templates(path: str, kind: pa.DataType, declared: Json | None) -> Iterator[Json]:
    """Dynamic templates that give every key of a map its type: keys are not known beforehand, and never guessed from a value."""
    single = plain_type(kind)
    if declared is None or declared["type"] not in _OBJECTS:
        return
    if pa.types.is_map(single):
        inner = _of_items(declared)
        yield {path: {"path_match": f"{path}.*", "mapping": mapping_of(single.item_type, inner)}}
        yield from key_templates(f"{path}.*", single.item_type, inner)
        return
    for child, of_child in _children(single, declared):
        yield from key_templates(f"{path}.{child.name}", child.type, of_child)
