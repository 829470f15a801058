"""What others attached to the live index: the alias's filter and routing, further aliases, settings.

All of it goes with the alias to the index that goes live next, at a promotion and at a rollback alike. Pure functions over
what was observed; what the corpus file owns (`index.alias`, `index.settings`) wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import IndexConfig
from sparse_index.config.live_index import is_carried
from sparse_index.errors import BuildError
from sparse_index.live.alias import AliasState
from sparse_index.names import pipeline_owner, write_alias

Settings = Mapping[str, Any]

# Instead of the name of a search or ingest pipeline: none, whatever the index says.
NO_PIPELINE = "_none"
SEARCH_PIPELINE = "index.search.default_pipeline"
READ_ONLY = "index.blocks.read_only"
# Set by the server beyond the flood-stage watermark, and lifted when there is room again.
FULL_DISK = "index.blocks.read_only_allow_delete"
# What a candidate has while it is written, instead of what readers get.
_BUILDING = (SEARCH_PIPELINE, "index.refresh_interval")
# Types between which a filter means the same.
_FAMILIES = {
    kind: family
    for family, kinds in {
        "number": "byte short integer long unsigned_long half_float float double scaled_float",
        "date": "date date_nanos",
    }.items()
    for kind in kinds.split()
}
# Queries whose keys are fields.
_OF_A_FIELD = frozenset({"term", "terms", "terms_set", "range", "prefix", "wildcard", "regexp", "fuzzy"}) | frozenset(
    {"match", "match_phrase", "match_phrase_prefix", "match_bool_prefix"}
)
_OPTIONS = frozenset({"boost", "_name"})


@dataclass(frozen=True)
class Shape:
    """What filters and routing depend on: `fields` (full name -> type) and the number of primary shards."""

    fields: Mapping[str, str]
    shards: int

    @property
    def families(self) -> dict[str, str]:
        return {name: _FAMILIES.get(kind, kind) for name, kind in self.fields.items()}


@dataclass(frozen=True)
class Attached:
    """An index as its aliases, its explicit settings (by full name) and its mapping."""

    aliases: Mapping[str, Json] = field(default_factory=dict)
    settings: Settings = field(default_factory=dict)
    mapping: Json = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        return Shape(fields_of(self.mapping), int(self.settings.get("index.number_of_shards", 1)))

    @property
    def made_by(self) -> str:
        """The version of the cluster that made it, such as "3.6.0"."""
        return str(self.settings.get("index.version.created_string", ""))

    @property
    def is_closed(self) -> bool:
        return self.settings.get("index.verified_before_close") == "true"

    @property
    def largest_page(self) -> int:
        """How many documents one search may give at most."""
        return int(self.settings.get("index.max_result_window", 10_000))

    @property
    def read_only(self) -> str | None:
        """The block under which neither aliases nor settings change."""
        return next((name for name in (READ_ONLY, FULL_DISK) if self.settings.get(name) == "true"), None)


def attached_of(body: Json) -> Attached:
    """`body`: of one index, as `GET /<index>?flat_settings=true` gives it; a setting that was put to null has its default."""
    settings = {name: value for name, value in body.get("settings", {}).items() if value is not None}
    return Attached(body.get("aliases", {}), settings, body.get("mappings", {}))


def observe_attached(cluster: Cluster, index: str) -> Attached:
    """One look at `index`, closed or not."""
    return attached_of(cluster.get(f"/{index}", flat_settings="true", human="true")[index])


def require_movable(cluster: Cluster, index: str) -> None:
    """`index` is to lose or to get the alias; `BuildError` when a block forbids it."""
    block = observe_attached(cluster, index).read_only
    if block is not None:
        raise BuildError(
            f"{index} is read-only ({block}), so its aliases cannot change. Nothing was changed. If nobody needs the block: "
            f'PUT /{index}/_settings {{"{block}": null}}; then run this again.'
        )


def fields_of(mapping: Json) -> dict[str, str]:
    """Every field of a mapping, objects and sub-fields too: full name -> type."""
    return dict(_fields(mapping, ""))


def _fields(mapping: Json, path: str) -> Iterator[tuple[str, str]]:
    for name, body in {**mapping.get("properties", {}), **mapping.get("fields", {})}.items():
        yield f"{path}{name}", str(body.get("type", "object"))
        yield from _fields(body, f"{path}{name}.")


def moved_aliases(state: AliasState, owned: Json) -> dict[str, Json]:
    """Every alias that the next live index gets, with its properties; `owned`: those of the alias that the file says."""
    own_write_alias = write_alias(state.index) if state.index else ""
    others = {name: body for name, body in state.aliases.items() if name not in (state.alias, own_write_alias)}
    # Without `is_write_index` two first promotions both succeed.
    mine = state.aliases.get(state.alias, {}) | owned | {"is_write_index": True}
    return others | {state.alias: {name: value for name, value in mine.items() if value not in ({}, "")}}


def misfits(now: Mapping[str, Json], then: Mapping[str, Json], former: Shape | None, to: Shape) -> list[str]:
    """Why an alias of `then` would not mean on the index `to` what it should, in words.

    What is `now` on the index of shape `former` (None: there is none) must go on meaning the same; what is new in `then`
    must name what is there.
    """
    found: list[str] = []
    for name, properties in then.items():
        as_now = now.get(name, {}) if former is not None else {}
        found += _filter_misfits(name, properties.get("filter", {}), as_now.get("filter"), former, to)
        found += _routing_misfits(name, properties.get("search_routing"), former, to)
    return found


def _filter_misfits(alias: str, query: Json, query_now: Json | None, former: Shape | None, to: Shape) -> Iterator[str]:
    if former is not None and query == query_now:
        before, after = former.families, to.families
        wrong = {name for name in _mentioned(before, query) if after.get(name) != before[name]}
    else:
        wrong = set(_named_fields(query)) - to.fields.keys()
    if wrong:
        yield (
            f"the filter of alias '{alias}' names {', '.join(sorted(wrong))}, which the new index does not have, or has with "
            "another type: it would hide other documents than it should. Keep the column, or change the filter"
        )


def _routing_misfits(alias: str, routing: str | None, former: Shape | None, to: Shape) -> Iterator[str]:
    if routing and to.shards > 1 and (former is None or former.shards != to.shards):
        yield (
            f"alias '{alias}' searches with routing '{routing}', and documents are written without: of the new index's "
            f"{to.shards} shards it would search a part. Take the routing off the alias"
        )


def _mentioned(fields: Iterable[str], query: Json) -> Iterator[str]:
    """Those of `fields` whose name stands anywhere in the query, in a script or a query string too."""
    text = orjson.dumps(query).decode()
    return (name for name in fields if re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", text))


def _named_fields(query: Any) -> Iterator[str]:
    """The fields that a query surely names."""
    for key, body in query.items() if isinstance(query, Mapping) else ():
        if key in _OF_A_FIELD and isinstance(body, Mapping):
            yield from (name for name in body if name not in _OPTIONS and not name.startswith("_"))
        elif key == "field" and isinstance(body, str):
            yield body
        else:
            yield from _named_fields(body)
    for item in query if isinstance(query, list) else ():
        yield from _named_fields(item)


def serving_changes(config: IndexConfig, live: Settings, there: Settings, *, alike: bool) -> dict[str, Any]:
    """What makes an index with the settings `there` serve as one with those of `live` does, or as the file says.

    `alike`: `there` has them from an index of ours (a clone, a generation), so that what `live` lacks goes; a new index has
    them from the cluster's templates, and keeps them.
    """
    wanted = {name: value for name, value in live.items() if is_carried(name)} | config.dynamic_settings
    stale = {name: None for name in there if name not in wanted and (name in _BUILDING or (alike and is_carried(name)))}
    return stale | {name: value for name, value in wanted.items() if there.get(name) != value}


def named_pipeline(settings: Settings) -> str | None:
    """The default search pipeline of an index; None for none."""
    name = settings.get(SEARCH_PIPELINE, NO_PIPELINE)
    return None if name == NO_PIPELINE else str(name)


def stays_named(pipeline: str | None, alias: str) -> bool:
    """Whether an index of `alias` keeps this default search pipeline: somebody set it, and it is not ours."""
    return pipeline is not None and pipeline_owner(pipeline) != alias


def with_pipeline(settings: Settings, alias: str, pipeline: str | None) -> Settings:
    """Settings of a live index of `alias` with the default search pipeline that its successor names; None: none of ours."""
    if stays_named(named_pipeline(settings), alias):
        return settings
    others = {name: value for name, value in settings.items() if name != SEARCH_PIPELINE}
    return others if pipeline is None else others | {SEARCH_PIPELINE: pipeline}


def usable_settings(cluster: Cluster, attached: Attached) -> dict[str, Any]:
    """Its settings without a default search pipeline that is gone: every search of an index that names one fails."""
    name = named_pipeline(attached.settings)
    gone = name is not None and cluster.find(f"/_search/pipeline/{name}") is None
    return {key: value for key, value in attached.settings.items() if not (gone and key == SEARCH_PIPELINE)}
