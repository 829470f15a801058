"""The types of the live index's columns, where only its mapping tells them, and what becomes of them in a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

import pyarrow as pa

from sparse_index.builds.request import Mode, RunRequest
from sparse_index.cluster.client import Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.arrow_types import is_list, plain_type
from sparse_index.corpus.fields import mapping_of
from sparse_index.corpus.logical import logical_type
from sparse_index.corpus.schema import Typed
from sparse_index.errors import ConfigError

# A mapping tells less than a type: what is taken here must widen to whatever the corpus then shows.
_BY_FIELD: dict[str, pa.DataType] = {
    "text": pa.string(),
    "keyword": pa.string(),
    "boolean": pa.bool_(),
    "long": pa.int64(),
    "unsigned_long": pa.uint64(),
    "double": pa.float64(),
    "date": pa.date32(),
}


@dataclass(frozen=True)
class Wider:
    """A column's type in the live index, and the other one that was decided."""

    live: pa.DataType
    decided: pa.DataType

    @property
    def is_whole(self) -> bool:
        return bool(pa.types.is_integer(plain_type(self.live)))


def begins_anew(config: CorpusConfig, request: RunRequest) -> bool:
    """Whether the types of the live index do not bind: a snapshot may be built in full with others, a feed keeps its
    earlier days."""
    return config.kind == "snapshot" and request.mode is Mode.FULL


def wider_types(known: Typed, decided: pa.Schema) -> dict[str, Wider]:
    """Columns of the live index (`known`) that were decided otherwise; those without a value bind nobody."""
    bound = (each for each in known.schema if each.name in decided.names and each.name not in known.valueless)
    both = {each.name: Wider(each.type, decided.field(each.name).type) for each in bound}
    return {name: types for name, types in both.items() if types.live != types.decided}


def types_of_mapping(mapping: Json, files: Sequence[Typed]) -> pa.Schema:
    """The types of the fields of an index that no build of this version made: of several that fit the one in `files`."""
    fields = []
    for name, field in mapping.get("properties", {}).items():
        kinds = {logical_type(each.type) for file in files for each in file.schema if each.name == name}
        kind = next((kind for kind in kinds if _field_type(kind) == _value_field(field)), None) or _coarse(field, kinds)
        if kind is not None:
            fields.append((name, kind))
    return pa.schema(fields)


def _value_field(field: Json) -> str:
    """A text id is a keyword."""
    return "text" if field.get("type") == "keyword" else str(field.get("type"))


def _field_type(kind: pa.DataType) -> str | None:
    try:
        return str(mapping_of(kind)["type"])
    except ConfigError:
        return None


def _coarse(field: Json, kinds: set[pa.DataType]) -> pa.DataType | None:
    """The type of such a field, in lists where the corpus has lists."""
    kind = _scaled(field) if field.get("type") == "scaled_float" else _BY_FIELD.get(str(field.get("type")))
    if kind is not None and any(is_list(each) for each in kinds):
        return pa.list_(kind)
    return kind


def _scaled(field: Json) -> pa.DataType:
    scale = round(log10(float(field["scaling_factor"])))
    return pa.decimal128(max(scale, 1), scale)
