"""What a column becomes: the field of the index, and the form of its values.

By itself a column of a simple type becomes the field that keeps it exactly. Another field, and any field for a type that has
no simple one, is declared in `index.fields`: as OpenSearch takes it, beside what is generated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TypeVar

import pyarrow as pa

from sparse_index.config.field_names import name_problem
from sparse_index.config.fields import FieldMapping, value_shape
from sparse_index.corpus import as_json as to
from sparse_index.corpus.arrow_types import is_instant, is_text, is_uuid, plain_type
from sparse_index.corpus.as_json import Convert
from sparse_index.corpus.declared import declared_converter
from sparse_index.corpus.natural import natural
from sparse_index.corpus.nested import maps, objects, through_lists
from sparse_index.errors import ConfigError

_IsType = Callable[[pa.DataType], bool]
_Made = TypeVar("_Made")

_TEXT: FieldMapping = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
# scaled_float keeps value x 10**scale in 64 bits; a wider decimal would be clipped there in silence.
_LONGEST_SCALED = 18
# A double keeps every number of so many decimal digits.
_SURE_DIGITS = 15
_TOO_LONG = "has more digits than a number of the index keeps: let index.fields make it a keyword"
_GENERATED: tuple[tuple[_IsType, FieldMapping], ...] = (
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
_FIELD_NAMES = to.only(
    to.texts,
    lambda key: bool(key.strip()) and "." not in key,
    "as a key is no name of a field: flat_object takes any key",
)


def mapping_of(kind: pa.DataType, declared: FieldMapping | None = None) -> FieldMapping:
    """The field of a column of a logical type; ConfigError when the type cannot be that, or cannot be a field by itself."""
    if declared is None:
        return _generated(plain_type(kind))
    converter_of(kind, declared)
    single = plain_type(kind)
    return _object_mapping(single, declared) if _is_object(single, declared) else dict(declared)


def converter_of(kind: pa.DataType, declared: FieldMapping | None = None) -> Convert:
    """How values of the column are written; ConfigError when the declared field cannot hold them."""
    single = plain_type(kind)
    if declared is None:
        return through_lists(kind, _exact(single))
    convert = _object if _is_object(single, declared) else declared_converter
    return through_lists(kind, convert(single, declared))


def are_written_alike(kind: pa.DataType, one: FieldMapping | None, other: FieldMapping | None) -> bool:
    """Whether values of the column are written for both fields in the same way; ConfigError when either cannot hold them."""
    # What looks at each value is made anew for each column.
    shapes = [None if each is None else value_shape({"": each}) for each in (one, other)]
    return shapes[0] == shapes[1] or converter_of(kind, one) is converter_of(kind, other)


def _is_object(kind: pa.DataType, declared: FieldMapping) -> bool:
    """A column without any value may become anything."""
    return declared["type"] in _OBJECTS and not pa.types.is_null(kind)


def _generated(kind: pa.DataType) -> FieldMapping:
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


def _decimal(kind: pa.DataType) -> FieldMapping:
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


def _object(kind: pa.DataType, declared: FieldMapping) -> Convert:
    if pa.types.is_map(kind) and declared["type"] == "object":
        return maps(kind, converter_of(kind.item_type, _of_items(declared)), _FIELD_NAMES)
    if not pa.types.is_struct(kind):
        raise ConfigError(
            f"`index.fields` makes it {declared['type']}, which takes structs (an object also maps), not {kind}: declare "
            "another type, flat_object for a map perhaps"
        )
    return objects(_by_name(converter_of, kind, declared))


def _object_mapping(kind: pa.DataType, declared: FieldMapping) -> FieldMapping:
    """With the fields within: those declared, generated ones for the others. A map's are not known beforehand."""
    if pa.types.is_map(kind):
        return {name: value for name, value in declared.items() if name != "properties"} | {"dynamic": "true"}
    return declared | {"properties": _by_name(mapping_of, kind, declared)}


def _by_name(
    make: Callable[[pa.DataType, FieldMapping | None], _Made], kind: pa.DataType, declared: FieldMapping
) -> dict[str, _Made]:
    """What `make` makes of each field of a struct; its ConfigError with the field's name."""
    made = {}
    for child, inner in _children(kind, declared):
        try:
            made[child.name] = make(child.type, inner)
        except ConfigError as error:
            raise ConfigError(f"in '{child.name}': {error.message}") from error
    return made


def _children(kind: pa.DataType, declared: FieldMapping) -> Iterator[tuple[pa.Field, FieldMapping | None]]:
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


def _of_items(declared: FieldMapping) -> FieldMapping | None:
    """What is declared for every value of a map, under the name `*`."""
    inner: FieldMapping = declared.get("properties", {})
    if inner.keys() - {ANY_KEY}:
        raise ConfigError(f"the keys of a map have one type: declare it as `properties: {{'{ANY_KEY}': ...}}`")
    return inner.get(ANY_KEY)


def key_templates(path: str, kind: pa.DataType, declared: FieldMapping | None) -> Iterator[dict[str, FieldMapping]]:
    """Dynamic templates that give every key of a map its type: keys are not known beforehand, and never guessed from a value."""
    single = plain_type(kind)
    if declared is None or not _is_object(single, declared):
        return
    if pa.types.is_map(single):
        inner = _of_items(declared)
        yield {path: {"path_match": f"{path}.*", "mapping": mapping_of(single.item_type, inner)}}
        yield from key_templates(f"{path}.*", single.item_type, inner)
        return
    for child, of_child in _children(single, declared):
        yield from key_templates(f"{path}.{child.name}", child.type, of_child)
