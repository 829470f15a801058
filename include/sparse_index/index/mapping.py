"""What a new index looks like: fields from the corpus's schema, the vector field, settings for a fast build."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from sparse_index.cluster import Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.columns import indexed_columns, require_usable
from sparse_index.corpus.values import field_mapping
from sparse_index.index.meta import Meta

_DEFAULT_FIELD_LIMIT = 1_000


def index_mapping(config: CorpusConfig, schema: pa.Schema) -> Json:
    """Typed fields, the id as a keyword, the vector as rank_features; a field nobody declared is an error."""
    require_usable(config, schema)
    properties: Json = {name: field_mapping(schema.field(name).type) for name in indexed_columns(config, schema)}
    if config.source.id_column in properties and properties[config.source.id_column]["type"] == "text":
        properties[config.source.id_column] = {"type": "keyword", "ignore_above": 512}
    return {"dynamic": "strict", "properties": properties | vector_property(config)}


def vector_property(config: CorpusConfig) -> Json:
    return {config.index.vector_field: {"type": "rank_features"}}


def building_settings(config: CorpusConfig) -> dict[str, Any]:
    """Settings of an index while documents are written: no refresh, no replicas."""
    return {
        "index.refresh_interval": "-1",
        "index.number_of_replicas": 0,
        "index.merge.policy.deletes_pct_allowed": config.index.deletes_pct_allowed,
    }


def index_body(config: CorpusConfig, schema: pa.Schema, meta: Meta, write_alias: str) -> Json:
    """The body of `PUT /<candidate>` of a full build."""
    return empty_body(config, index_mapping(config, schema), meta, write_alias)


def empty_body(config: CorpusConfig, mapping: Json, meta: Meta, write_alias: str) -> Json:
    """The same for a mapping that is at hand."""
    settings = building_settings(config) | {
        "index.number_of_shards": config.index.shards,
        "index.codec": config.index.codec,
        "index.mapping.total_fields.limit": max(_DEFAULT_FIELD_LIMIT, 2 * sum(1 for _ in _fields(mapping))),
    }
    return {
        "settings": settings,
        "mappings": mapping | {"_meta": {"sparse_index": meta.model_dump(mode="json")}},
        "aliases": {write_alias: {}},
    }


def _fields(mapping: Json) -> Iterator[str]:
    for name, field in mapping.get("properties", {}).items():
        yield name
        yield from (f"{name}.{sub}" for sub in field.get("fields", {}))
