"""What the corpus file may say about the live index beside its documents: properties of the alias, index settings.

The same that a person attaches to the live index by hand. What the file says wins; what it leaves out is taken over from
the index that was live before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import orjson
from pydantic import field_validator, model_validator

from sparse_index.config.encoder import Section

# Of how an index is searched, logged and recovered. They change on an open index, and a switch takes them along.
CARRIED = (
    "index.max_*",
    "index.highlight.max_analyzed_offset",
    "index.analyze.max_token_count",
    "index.query.default_field",
    "index.query.max_nested_depth",
    "index.refresh_interval",
    "index.requests.cache.enable",
    "index.priority",
    "index.search.default_pipeline",
    "index.search.idle.after",
    "index.search.concurrent*",
    "index.search.slowlog.*",
    "index.indexing.slowlog.*",
    "index.knn.algo_param.ef_search",
)
# These change on an open index, too, but stay with the index on which somebody set them.
_DYNAMIC = (
    *CARRIED,
    "index.hidden",
    "index.routing.allocation.*",
    "index.translog.*",
    "index.merge.*",
    "index.warmer.*",
)

# Pattern -> why the corpus file may not set it.
REFUSED = {
    "index.number_of_shards": "write index.shards",
    "index.number_of_routing_shards": "documents are written and cloned without it",
    "index.number_of_replicas": "write index.replicas",
    "index.auto_expand_replicas": "write index.replicas",
    "index.codec": "write index.codec",
    "index.merge.policy.deletes_pct_allowed": "write index.deletes_pct_allowed",
    "index.mapping.total_fields.limit": "it follows from the columns",
    "index.analysis.*": "write index.analysis",
    "index.blocks.*": "a build and the switch set and lift the blocks",
    "index.default_pipeline": "it would change the documents on their way in",
    "index.final_pipeline": "it would change the documents on their way in",
    "index.routing.rebalance.enable": "a build sets it while it writes",
    "index.routing.allocation.initial_recovery.*": "the server sets it on a clone",
    "index.routing_partition_size": "documents are written without routing",
    "index.resize.*": "the server sets it on a clone",
    "index.version.*": "the server sets it",
    "index.uuid": "the server sets it",
    "index.creation_date": "the server sets it",
    "index.provided_name": "the server sets it",
}


class AliasConfig(Section):
    """Properties of the alias as `_aliases` takes them; None: as they are on the live alias. An empty one ({}, "") takes a
    property away. `routing` stands for both kinds."""

    filter: dict[str, Any] | None = None
    routing: str | None = None
    index_routing: str | None = None
    search_routing: str | None = None

    @field_validator("filter", mode="before")
    @classmethod
    def _as_json(cls, given: Any) -> Any:
        """YAML knows dates, and keys that are numbers; the server, and the plan in the store, know texts."""
        try:
            return orjson.loads(orjson.dumps(given, option=orjson.OPT_NON_STR_KEYS))
        except TypeError as error:
            raise ValueError(f"it cannot be written as JSON: {error}") from error

    @model_validator(mode="after")
    def _routing_is_said_once(self) -> AliasConfig:
        if self.routing is not None and (self.index_routing, self.search_routing) != (None, None):
            raise ValueError("routing stands for index_routing and search_routing: write it alone, or the two of them")
        return self

    def properties(self) -> dict[str, Any]:
        """Those that the file owns, under the names of `_aliases`."""
        given = self.model_dump(exclude_none=True)
        if "routing" in given:
            given["index_routing"] = given["search_routing"] = given.pop("routing")
        return given


def settings_by_full_name(given: Any) -> dict[str, Any]:
    """`index.settings` as written -> by full name, as the server gives them back.

    ValueError for each setting that is not the owner's to set, with the reason.
    """
    if not isinstance(given, Mapping):
        raise ValueError("it holds names and values, like max_result_window: 50000")
    named = _by_full_name(given)
    refused = [f"{name}: {why}" for name in named if (why := _why_refused(name))]
    if refused:
        raise ValueError("; ".join(refused))
    return named


def _by_full_name(settings: Mapping[Any, Any]) -> dict[str, Any]:
    """Nested settings, with or without `index.` in front: full name -> text, or list of texts."""
    return {name if name.startswith("index.") else f"index.{name}": value for name, value in _flat(settings)}


def _why_refused(name: str) -> str | None:
    return next((why for pattern, why in REFUSED.items() if fnmatchcase(name, pattern)), None)


def _flat(given: Mapping[Any, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in given.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", [_text(item) for item in value] if isinstance(value, list) else _text(value)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_carried(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in CARRIED)


def is_dynamic(name: str) -> bool:
    """Whether the setting changes on an index that is there; any other needs a new index."""
    return any(fnmatchcase(name, pattern) for pattern in _DYNAMIC)
