"""What was decided, done: a phase looks for itself, so that it may be repeated, alone or beside another one.

A pipeline is put, read back and tried by its name before any index names it: every search of an index whose pipeline does
not work is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.neighbours import Neighbours
from sparse_index.errors import BuildError, ConfigError, SparseIndexError, TerminalError
from sparse_index.live.attached import SEARCH_PIPELINE, named_pipeline
from sparse_index.live.generations import own_indices
from sparse_index.ml import verbs
from sparse_index.ml.groups import find_groups, models_in_group
from sparse_index.ml.settings import ensure_settings, settings_problem
from sparse_index.names import pipeline_name
from sparse_index.serving.at_work import GoesOn, plans_at_work
from sparse_index.serving.decide import Decision, Phase, Step, Verb, decide
from sparse_index.serving.look import look, model_answers
from sparse_index.serving.models import delete_spare, ensure_answers, ensure_model
from sparse_index.serving.needs import may_need, needs_of
from sparse_index.serving.proof import require_same_encoder
from sparse_index.serving.seen import Seen
from sparse_index.serving.state import recall, remember
from sparse_index.serving.trial import try_pipelines
from sparse_index.store.files import Store
from sparse_index.timing import Timing

log = logging.getLogger(__name__)

# For a model that only a former configuration tells more of.
_DEPLOY_DEADLINE_S = 1800.0
# Tasks are tried again within less, runs come in more.
_AGREES_AFTER = timedelta(minutes=5)
_UNKNOWN_PROCESSOR = "Invalid processor type"


@dataclass(frozen=True)
class Serving:
    """What serves one corpus, and where. `beside`: the other corpora of this installation, in any store, which may need the same
    model. `goes_on`: None where there is no scheduler to ask."""

    cluster: Cluster
    store: Store
    config: CorpusConfig
    timing: Timing
    beside: Neighbours = field(default_factory=Neighbours)
    goes_on: GoesOn | None = None

    def seen(self) -> Seen:
        return look(self.cluster, self.config, self.store)


def serve(serving: Serving) -> Decision:
    """Every phase, in order; gives what is left to do: nothing, unless something is still needed by a build at work."""
    for phase in Phase:
        carry_out(serving, phase)
    return decide(serving.seen())


def carry_out(serving: Serving, phase: Phase) -> list[str]:
    """Do what a look of now says for this phase; gives what was done, and what stays and why, in words."""
    seen = serving.seen()
    steps = decide(seen).of(phase)
    _remember(serving, seen, steps)
    done: list[str] = []
    for step in steps:
        kept = _ACTS[step.verb](serving, seen, step)
        done.append(str(step) if kept is None else f"{step.name} stays: {kept}")
        log.info("%s", done[-1])
    if phase is Phase.TRY:
        done += [f"{name} answers" for name in try_pipelines(serving.cluster, seen)]
    return done


def _remember(serving: Serving, seen: Seen, steps: Sequence[Step]) -> None:
    """Before anything is made: what a kill leaves is found by it. A body that somebody changed is not its name's any more."""
    groups = sorted({*seen.memory.groups, *(need.group for need in seen.needs)})
    there = {name: seen.pipelines[name] for name in seen.named & seen.pipelines.keys()}
    sound = {name: body for name, body in there.items() if pipeline_name(seen.alias, body) == name}
    former = {name: body for name, body in seen.memory.pipelines.items() if name in seen.named}
    pipelines = {**sound, **former, **seen.wanted}
    needed = {*seen.named, *seen.wanted}
    unproven = sorted({*seen.memory.unproven, *_deployed(seen, steps)} & seen.config.vector_fields.keys())
    since = {
        name: at for name, at in seen.memory.leaving_since.items() if name in seen.pipelines and name not in needed
    }
    known = {"groups": groups, "pipelines": pipelines, "leaving_since": since, "unproven": unproven}
    remember(serving.store, seen.alias, seen.memory.model_copy(update=known))


def _deployed(seen: Seen, steps: Sequence[Step]) -> set[str]:
    """What the models are for that these steps deploy."""
    names = {step.name for step in steps if step.phase is Phase.MODELS}
    return {need.used_for for need in seen.needs if {need.group, seen.serving.get(need.used_for)} & names}


def _register(serving: Serving, seen: Seen, step: Step) -> None:
    _require_settings(serving)
    need = next(need for need in seen.needs if need.group == step.name)
    ensure_model(serving.cluster, need, serving.timing)


def _require_settings(serving: Serving) -> None:
    problem = settings_problem(serving.cluster, serving.config)
    if problem is not None:
        raise ConfigError(problem)
    ensure_settings(serving.cluster, serving.config)


def _deploy(serving: Serving, seen: Seen, step: Step) -> None:
    need = next((need for need in seen.needs if seen.serving.get(need.used_for) == step.name), None)
    deadline_s = _DEPLOY_DEADLINE_S if need is None else need.deploy_deadline_s

    def answers() -> bool:
        return model_answers(serving.cluster, step.name) is True

    ensure_answers(serving.cluster, step.name, answers, deadline_s, serving.timing)


def _prove(serving: Serving, seen: Seen, step: Step) -> None:
    memory = recall(serving.store, seen.alias)
    proven = {name for name in memory.unproven if seen.serving.get(name) == step.name}
    for name in sorted(proven):
        require_same_encoder(serving.cluster, serving.store, seen.config, name, step.name, serving.timing)
    unproven = [name for name in memory.unproven if name not in proven]
    remember(serving.store, seen.alias, memory.model_copy(update={"unproven": unproven}))


def _put(serving: Serving, seen: Seen, step: Step) -> None:
    path, body = f"/_search/pipeline/{step.name}", seen.wanted.get(step.name, seen.memory.pipelines.get(step.name))
    try:
        serving.cluster.put(path, body)
    except TerminalError as error:
        if _UNKNOWN_PROCESSOR not in error.message:
            raise
        raise ConfigError(
            f"The cluster does not know what the search pipeline {step.name} is made of ({error.reason}). Install the plugin "
            "opensearch-neural-search on every node, or leave fusion, models of queries and re-ranking out of `search`."
        ) from error
    there = (serving.cluster.find(path) or {}).get(step.name)
    if there != body:
        raise BuildError(
            f"The search pipeline {step.name} is not what was put there a moment ago: {there}. Somebody else changes it too."
        )


def _point(serving: Serving, seen: Seen, step: Step) -> None:
    if step.to is not None and serving.cluster.find(f"/_search/pipeline/{step.to}") is None:
        raise BuildError(
            f"The search pipeline {step.to} is gone again, so {step.name} does not name it. Run serving again."
        )
    serving.cluster.put(f"/{step.name}/_settings", {SEARCH_PIPELINE: step.to})


def _delete_pipeline(serving: Serving, seen: Seen, step: Step) -> str | None:
    """A task that is tried again is no second run that agrees: some minutes lie between them."""
    memory, now = recall(serving.store, seen.alias), serving.timing.now()
    since = memory.leaving_since.get(step.name)
    if since is None:
        noted = memory.leaving_since | {step.name: now}
        remember(serving.store, seen.alias, memory.model_copy(update={"leaving_since": noted}))
    if since is None or now - since < _AGREES_AFTER:
        return "it goes when the next run needs it as little"
    return delete_pipeline(serving, step.name)


def delete_pipeline(serving: Serving, name: str) -> str | None:
    """Delete a search pipeline of ours that was seen to be needed by nobody, twice; why it stays after all, in words."""
    alias, now = serving.config.alias, serving.timing.now()
    at_work = plans_at_work(serving.store, alias, serving.goes_on, now)
    builds = [plan.build_id for plan in at_work if plan.search_pipeline == name]
    if builds:
        return f"build {', '.join(builds)} may be at work and name it"
    # The last look before the deletion.
    own = own_indices(serving.cluster, alias)
    naming = [index.name for index in own if named_pipeline(index.attached.settings) == name]
    if naming:
        return f"{', '.join(naming)} names it"
    serving.cluster.remove(f"/_search/pipeline/{name}")
    return None


def _delete_model(serving: Serving, seen: Seen, step: Step) -> str | None:
    return delete_spare(serving.cluster, step.name, serving.timing)


def _delete_double(serving: Serving, seen: Seen, step: Step) -> None:
    """Where the model is that serves, that one stays."""
    groups = find_groups(serving.cluster, step.name)
    filled = [group_id for group_id in groups if models_in_group(serving.cluster, group_id)]
    verbs.delete_group(serving.cluster, step.name, serving.timing, but=next(iter([*filled, *groups]), None))


def _delete_group(serving: Serving, seen: Seen, step: Step) -> str | None:
    return delete_group(serving, step.name)


def delete_group(serving: Serving, name: str) -> str | None:
    """Delete a serving group and its models, which this corpus needs no more; why it stays after all, in words."""
    everybody = serving.beside.and_those([serving.config])
    needing = [why for config in everybody.corpora if (why := _why_needed(serving, config, name)) is not None]
    if needing:
        return "; ".join(needing)
    if everybody.broken:
        return f"the file of {', '.join(everybody.broken)} cannot be used, so nobody knows whether it needs it"
    removal = verbs.remove_group(serving.cluster, name, serving.timing)
    if removal.kept:
        return "; ".join(removal.kept)
    memory = recall(serving.store, serving.config.alias)
    groups = [group for group in memory.groups if group != name]
    remember(serving.store, serving.config.alias, memory.model_copy(update={"groups": groups}))
    return None


def _why_needed(serving: Serving, config: CorpusConfig, group: str) -> str | None:
    """Why a corpus needs a serving group, or may, in words. A build's plan does not tell what its model's file held when it
    began: it may need every content of that model."""
    try:
        if may_need(config, group) and group in {need.group for need in needs_of(config)}:
            return f"{config.alias} needs it"
        at_work = plans_at_work(Store(config.store), config.alias, serving.goes_on, serving.timing.now())
        builds = [plan.build_id for plan in at_work if may_need(plan.config, group)]
    except SparseIndexError as error:
        return f"nobody knows whether {config.alias} needs it: {error.message.removesuffix('.')}"
    return f"build {', '.join(builds)} of {config.alias} may be at work and need it" if builds else None


_ACTS: Mapping[Verb, Callable[[Serving, Seen, Step], str | None]] = {
    Verb.REGISTER: _register,
    Verb.DEPLOY: _deploy,
    Verb.PROVE: _prove,
    Verb.PUT: _put,
    Verb.POINT: _point,
    Verb.DELETE_PIPELINE: _delete_pipeline,
    Verb.DELETE_MODEL: _delete_model,
    Verb.DELETE_GROUP: _delete_group,
    Verb.DELETE_DOUBLE: _delete_double,
}
