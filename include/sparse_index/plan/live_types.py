"""The types of the live index's columns: what its build decided, else what its mapping lets one know."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

import pyarrow as pa

from sparse_index.builds.plan import load_plan, plan_path
from sparse_index.builds.request import Mode, RunRequest
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.fields import mapping_of
from sparse_index.corpus.kinds import is_list
from sparse_index.corpus.logical import logical_type
from sparse_index.corpus.schema import Typed, load_schema
from sparse_index.errors import BuildError, ConfigError
from sparse_index.plan.observed import Live
from sparse_index.store.files import Store

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


def begins_anew(config: CorpusConfig, request: RunRequest) -> bool:
    """Whether the types of the live index do not bind: a snapshot may be built in full with others, a feed keeps its
    earlier days."""
    return config.kind == "snapshot" and request.mode is Mode.FULL


def live_types(
    cluster: Cluster, config: CorpusConfig, store: Store, live: Live, files: Sequence[Typed]
) -> Typed | None:
    """The columns of the live index; None without one. `files` help where an index of a former version does not say."""
    if live.index is None or live.meta is None:
        return None
    name = f"the live index {live.index} (data of {live.meta.data_date})"
    path = plan_path(config.alias, live.meta.build_id)
    try:
        kept = load_plan(store, path).schema_path if store.exists(path) else None
    except BuildError:
        kept = None
    if kept is not None and store.exists(kept):
        known = load_schema(store, kept)
        return Typed(name, known.schema, known.valueless)
    return Typed(name, _by_mapping(_properties(cluster, live.index), files))


def _properties(cluster: Cluster, index: str) -> Json:
    answer: Json = cluster.get(f"/{index}/_mapping")
    properties: Json = answer[index]["mappings"].get("properties", {})
    return properties


def _by_mapping(properties: Json, files: Sequence[Typed]) -> pa.Schema:
    fields = []
    for name, field in properties.items():
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
