"""What a candidate says about itself so that no index template, and no index that it is cloned from, says it instead.

An index template may set anything on an index whose name it matches: a pipeline that changes documents, a mapping that
keeps no `_source`, an index sort on a field that is not there. A candidate takes from templates what is the cluster's own
affair (where shards may be, what is logged) and gives everything else its default back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sparse_index.cluster.client import Json
from sparse_index.live.attached import NO_PIPELINE

# Of a clone as well as of a new index. None: the default.
_ALWAYS: dict[str, Any] = {
    "index.default_pipeline": NO_PIPELINE,
    "index.final_pipeline": NO_PIPELINE,
    "index.auto_expand_replicas": "false",
    "index.hidden": "false",
    "index.translog.durability": None,
    "index.routing.allocation.enable": None,
    **{f"index.blocks.{name}": None for name in ("write", "read", "read_only", "read_only_allow_delete", "metadata")},
}
_THE_CLUSTERS = (
    "index.routing.allocation.",
    "index.unassigned.",
    "index.priority",
    "index.merge.",
    "index.store.",
    "index.replication.",
    "index.remote_store.",
    "index.search.slowlog.",
    "index.indexing.slowlog.",
)
# A group that is named at all must have a type: its other keys can be taken away, the group itself cannot.
_DEFAULT_TYPES = {"index.analysis.analyzer.default.": "standard", "index.similarity.default.": "BM25"}
# A search analyzer for every field wins over what the fields themselves say, whatever its type.
_UNSHAKABLE = ("index.analysis.analyzer.default_search.",)

NEUTRAL_MAPPING: Json = {
    "_routing": {"required": False},
    "_source": {"enabled": True, "includes": [], "excludes": []},
}


def neutral_settings(foreign: Iterable[str] = ()) -> dict[str, Any]:
    """The settings beside a candidate's own; `foreign`: full names of those that templates set on an index of its name.

    What is the cluster's own affair is not among them, unless it would break every build.
    """
    settings: dict[str, Any] = dict.fromkeys(not_taken_over(foreign))
    for group, kind in _DEFAULT_TYPES.items():
        if any(name.startswith(group) for name in settings):
            settings[f"{group}type"] = kind
    return settings | _ALWAYS


def not_taken_over(foreign: Iterable[str]) -> list[str]:
    """Those of these settings that a candidate gives their default back, sorted."""
    named = {name for name in foreign if not name.startswith(_THE_CLUSTERS)}
    # An analyzer that no field names does nothing.
    return sorted(name for name in named if not _is_unused(name))


def _is_unused(name: str) -> bool:
    groups = ("index.analysis.", "index.similarity.")
    return name.startswith(groups) and not name.startswith(tuple(_DEFAULT_TYPES))


def unshakable(foreign: Iterable[str]) -> list[str]:
    """Those of these settings that change an index and cannot be taken away from it."""
    return sorted(name for name in foreign if name.startswith(_UNSHAKABLE))


def lost_settings(asked: Mapping[str, Any], effective: Mapping[str, Any]) -> list[str]:
    """Single values of `asked` that an index has not got, in words; both with full names."""
    single = {name: value for name, value in asked.items() if not isinstance(value, Mapping | list)}
    wrong = ((name, value, effective.get(name)) for name, value in single.items())
    return [f"{name} is {there}, not {value}" for name, value, there in wrong if _text(there) != _text(value)]


def lost_mapping(asked: Json, effective: Json, path: str = "") -> list[str]:
    """Fields that have not the type that was asked for, and documents' frame where it is not the default; in words."""
    problems = [] if path else _lost_frame(effective)
    there = effective.get("properties", {})
    for name, field in asked.get("properties", {}).items():
        kind, wanted = (one.get("type", "object") for one in (there.get(name, {}), field))
        if kind != wanted:
            problems.append(f"field {path}{name} is {kind}, not {wanted}")
        problems += lost_mapping(field, there.get(name, {}), f"{path}{name}.")
    return problems


def _lost_frame(effective: Json) -> list[str]:
    source, routing = effective.get("_source", {}), effective.get("_routing", {})
    filtered = source.get("enabled", True) is False or source.get("includes") or source.get("excludes")
    problems = [f"_source is {source}: documents are not kept as they are"] if filtered else []
    return problems + (["_routing is required"] if routing.get("required") else [])


def _text(value: Any) -> str:
    return "" if value is None else str(value)
