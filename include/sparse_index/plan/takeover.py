"""What a build does with all that others attached to the live index: what goes along, what does not, what cannot be right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from sparse_index.cluster.client import Json, flat
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.live_index import is_carried
from sparse_index.creation.mapping import building_settings
from sparse_index.creation.templates import FromTemplates
from sparse_index.errors import BuildError
from sparse_index.live.alias import AliasState
from sparse_index.live.attached import (
    NO_PIPELINE,
    Attached,
    Shape,
    fields_of,
    misfits,
    moved_aliases,
    named_pipeline,
    stays_named,
)
from sparse_index.plan.observed import Observed

# What the server sets by itself, what a build sets for a while, and what is decided by the shape of the index.
_NOT_A_PERSONS = (
    "index.uuid",
    "index.creation_date*",
    "index.provided_name",
    "index.version.*",
    "index.resize.*",
    "index.routing_partition_size",
    "index.number_of_routing_shards",
    "index.replication.type",
    "index.verified_before_close",
    "index.routing.allocation.initial_recovery.*",
    "index.routing.rebalance.enable",
    "index.blocks.*",
    "index.number_of_shards",
    "index.codec",
    "index.mapping.total_fields.limit",
)
# Beside those of `building_settings`.
_USUAL = {
    "index.default_pipeline": NO_PIPELINE,
    "index.final_pipeline": NO_PIPELINE,
    "index.auto_expand_replicas": "false",
    "index.hidden": "false",
}


@dataclass(frozen=True)
class Takeover:
    """What a build does with all that is attached to the live index. `problems`: why it cannot be right on the new index;
    `changes`: where the corpus file wants another than it is; `notes`: what a person should know."""

    problems: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def require_right(self, alias: str) -> None:
        if self.problems:
            raise BuildError(
                f"What is attached to the live index of '{alias}' cannot go along: {'; '.join(self.problems)}."
            )


def plan_takeover(seen: Observed) -> Takeover:
    config, state, live = seen.config, seen.live.state, seen.live.attached
    owned, shards = config.index.alias.properties(), config.index.shards
    moved, shape = moved_aliases(state, owned), None if live is None else live.shape
    problems = misfits(state.aliases, moved, shape, Shape(fields_of(seen.mapping), shards))
    if live is None:
        return Takeover(problems=tuple(problems))
    # Those that only a new index can have ask for a full build by themselves: they are part of the document hash.
    changes = [*_alias_changes(state, moved), *_setting_changes(config.index.dynamic_settings, live.settings)]
    notes = [*_along(state, moved), *_pipeline_note(seen, live), *_routing_note(moved, shards)]
    notes += [f"the corpus file wins: {change}" for change in changes]
    notes += _left_behind(config, live, seen.templates)
    return Takeover(tuple(problems), tuple(changes), tuple(notes))


def _alias_changes(state: AliasState, moved: Mapping[str, Json]) -> Iterator[str]:
    now, then = state.aliases.get(state.alias, {}), moved[state.alias]
    for name in ("filter", "index_routing", "search_routing"):
        if now.get(name) != then.get(name):
            yield f"{name} of alias '{state.alias}' is {now.get(name, 'none')} and becomes {then.get(name, 'none')}"


def _setting_changes(owned: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[str]:
    for name, value in sorted(owned.items()):
        if there.get(name) != value:
            yield f"{name} is {there.get(name, 'the default')} and becomes {value}"


def _along(state: AliasState, moved: Mapping[str, Json]) -> Iterator[str]:
    others = sorted(moved.keys() - {state.alias})
    with_filter = ["its filter"] if moved[state.alias].get("filter") else []
    along = [*with_filter, *(f"alias '{name}'" for name in others)]
    if along:
        yield f"with '{state.alias}' move {', '.join(along)}"


def _pipeline_note(seen: Observed, live: Attached) -> Iterator[str]:
    named = named_pipeline(live.settings)
    if seen.pipeline_gone:
        yield f"the search pipeline '{named}' of the live index does not exist: it is left out"
    elif seen.search_pipeline is not None and stays_named(named, seen.config.alias):
        yield f"the search pipeline '{named}' of the live index is not ours and stays: searches do not get {seen.search_pipeline}"


def _routing_note(moved: Mapping[str, Json], shards: int) -> Iterator[str]:
    routed = sorted(name for name, properties in moved.items() if properties.get("search_routing"))
    if routed and shards > 1:
        yield (
            f"alias(es) {', '.join(routed)} search with routing, but documents are written without: they find the documents of "
            f"a part of the {shards} shards only"
        )


def _left_behind(config: CorpusConfig, live: Attached, templates: FromTemplates) -> Iterator[str]:
    """Settings of the live index that the new one does not get, or only for as long as builds are clones."""
    given = templates.settings
    others = {name: value for name, value in _of_a_person(config, live.settings) if given.get(name) != str(value)}
    if others:
        listed = ", ".join(f"{name}={value}" for name, value in sorted(others.items()))
        yield (
            f"a new index does not take over these settings of the live one (a clone may still have them): {listed}. To keep "
            "them write them into index.settings (analyzers into index.analysis)"
        )


def _of_a_person(config: CorpusConfig, settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Settings that neither the server nor a build gave the live index, and that do not go along."""
    ours = {
        **_USUAL,
        **building_settings(config),
        "index.number_of_replicas": config.index.replicas,
        **flat({"index": {"analysis": config.index.analysis}}),
        **config.index.settings,
    }
    for name, value in settings.items():
        known = value is None or is_carried(name) or any(fnmatchcase(name, pattern) for pattern in _NOT_A_PERSONS)
        # The server writes `true` where YAML has True.
        if not known and str(value).lower() != str(ours.get(name)).lower():
            yield name, value
