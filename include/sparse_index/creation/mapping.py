"""What a new index looks like: fields from the corpus's schema, the vector fields, settings for a fast build."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from sparse_index.cluster.client import Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.columns import column_fields, indexed_columns, require_usable
from sparse_index.corpus.fields import key_templates
from sparse_index.live.attached import NO_PIPELINE, SEARCH_PIPELINE
from sparse_index.live.meta import Meta
from sparse_index.vectors.kinds import vector_kinds

_DEFAULT_FIELD_LIMIT = 1_000
_LIMITS = tuple(
    f"index.mapping.{name}.limit" for name in ("depth", "field_name_length", "nested_fields", "nested_objects")
)


def index_mapping(config: CorpusConfig, schema: pa.Schema) -> Json:
    """Typed fields as the owner declared them or as generated, the id as a keyword, vectors as their kind says; a field
    nobody declared is an error."""
    require_usable(config, schema)
    properties = column_fields(config, schema)
    keys = [
        template
        for name in indexed_columns(config, schema.names)
        for template in key_templates(name, schema.field(name).type, config.index.fields.get(name))
    ]
    mapping = {"dynamic": "strict", "properties": properties | vector_properties(config)}
    return mapping | ({"dynamic_templates": keys} if keys else {})


def vector_properties(config: CorpusConfig) -> Json:
    return {name: kind.mapping for name, kind in vector_kinds(config).items()}


def building_settings(config: CorpusConfig) -> dict[str, Any]:
    """Settings of an index while documents are written: no refresh, no replicas, no pipeline between us and a search."""
    return {
        SEARCH_PIPELINE: NO_PIPELINE,
        "index.refresh_interval": "-1",
        "index.number_of_replicas": 0,
        "index.merge.policy.deletes_pct_allowed": config.index.deletes_pct_allowed,
    }


def room_for(config: CorpusConfig, mapping: Json) -> dict[str, Any]:
    """Limits under which an index takes these fields, whatever limits a template or the index it is cloned from has."""
    owned = {name: value for name, value in config.index.static_settings.items() if name in _LIMITS}
    total = max(_DEFAULT_FIELD_LIMIT, 2 * sum(1 for _ in _fields(mapping)))
    return dict.fromkeys(_LIMITS) | owned | {"index.mapping.total_fields.limit": total}


def index_body(config: CorpusConfig, mapping: Json, meta: Meta, write_alias: str) -> Json:
    """The body of `PUT /<candidate>` of a full build, with the mapping that its plan froze."""
    own = {"index.number_of_shards": config.index.shards, "index.codec": config.index.codec} | room_for(config, mapping)
    settings = building_settings(config) | config.index.static_settings | own
    for kind in vector_kinds(config).values():
        settings |= kind.index_settings
    if config.index.analysis:
        settings["index.analysis"] = config.index.analysis
    return {
        "settings": settings,
        "mappings": mapping | {"_meta": {"sparse_index": meta.model_dump(mode="json")}},
        "aliases": {write_alias: {}},
    }


def _fields(mapping: Json) -> Iterator[str]:
    for name, field in (mapping.get("properties", {}) | mapping.get("fields", {})).items():
        yield name
        yield from (f"{name}.{inner}" for inner in _fields(field))


def key_types(mapping: Json) -> dict[str, str]:
    """Map column -> the type that each of its keys gets."""
    templates = (each for template in mapping.get("dynamic_templates", []) for each in template.items())
    return {name: str(template["mapping"]["type"]) for name, template in templates}
