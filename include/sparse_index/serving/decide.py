"""What there is to do, decided from what was seen: a pure function, so that a look alone and the real thing cannot differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sparse_index.live.attached import SEARCH_PIPELINE
from sparse_index.names import rerank_pipeline_name
from sparse_index.query.pipelines import models_named
from sparse_index.serving.seen import Seen, SeenIndex
from sparse_index.values import Frozen


class Phase(StrEnum):
    """In the order in which a search would meet what is missing."""

    MODELS = "models"
    TRY = "try"
    POINT = "point"
    TIDY = "tidy"


class Verb(StrEnum):
    """What one step does."""

    REGISTER = "register"
    DEPLOY = "deploy"
    PROVE = "prove"
    PUT = "put"
    POINT = "point"
    DELETE_PIPELINE = "delete pipeline"
    DELETE_MODEL = "delete model"
    DELETE_GROUP = "delete group"
    DELETE_DOUBLE = "delete all but one of"


_PHASE_OF = {
    Verb.REGISTER: Phase.MODELS,
    Verb.DEPLOY: Phase.MODELS,
    Verb.PROVE: Phase.TRY,
    Verb.PUT: Phase.TRY,
    Verb.POINT: Phase.POINT,
    Verb.DELETE_PIPELINE: Phase.TIDY,
    Verb.DELETE_MODEL: Phase.TIDY,
    Verb.DELETE_GROUP: Phase.TIDY,
    Verb.DELETE_DOUBLE: Phase.TIDY,
}


class Step(Frozen):
    """One thing to do. `name`: a model group, a model, a pipeline, an index; `to`: the pipeline that an index names then."""

    verb: Verb
    name: str
    reason: str
    to: str | None = None

    @property
    def phase(self) -> Phase:
        return _PHASE_OF[self.verb]

    def __str__(self) -> str:
        to = f" to {self.to or 'no pipeline'}" if self.verb is Verb.POINT else ""
        return f"{self.verb.value} {self.name}{to}: {self.reason}"


@dataclass(frozen=True)
class Decision:
    """`notes`: what stays as it is, and why a person should know."""

    steps: Sequence[Step]
    notes: Sequence[str]

    def of(self, phase: Phase) -> list[Step]:
        return [step for step in self.steps if step.phase is phase]

    def __str__(self) -> str:
        head = "All that queries need is there." if not self.steps else f"{len(self.steps)} thing(s) to do."
        return "\n".join([head, *map(str, self.steps), *(f"note: {note}" for note in self.notes)])


def decide(seen: Seen) -> Decision:
    """Steps whose names depend on a model that is still missing are not among them: they follow when it is there."""
    steps = [*_models(seen), *_proofs(seen), *_pipelines(seen), *_pointing(seen), *_tidying(seen)]
    return Decision(steps, list(_notes(seen)))


def _models(seen: Seen) -> Iterator[Step]:
    groups: set[str] = set()
    for need in seen.needs:
        chosen = seen.chosen(need)
        if need.group in groups:
            continue
        groups.add(need.group)
        if chosen is None:
            yield Step(verb=Verb.REGISTER, name=need.group, reason=f"'{need.used_for}' needs it, and it is not there")
        elif not chosen.answers:
            yield Step(verb=Verb.DEPLOY, name=chosen.id, reason=f"it serves '{need.used_for}' and does not answer")
    ours = {model.id for models in seen.models.values() for model in models}
    for model_id in sorted(ours & _silent(seen) - set(seen.serving.values())):
        yield Step(verb=Verb.DEPLOY, name=model_id, reason="an index names a pipeline with it, and it does not answer")


def _silent(seen: Seen) -> set[str]:
    return {model_id for model_id, answers in seen.answering.items() if answers is False}


def _proofs(seen: Seen) -> Iterator[Step]:
    for model_id in sorted({seen.serving[field] for field in seen.memory.unproven if field in seen.serving}):
        yield Step(verb=Verb.PROVE, name=model_id, reason="it was deployed, and may be another encoder than it was")


def _pipelines(seen: Seen) -> Iterator[Step]:
    bodies = {name: body for name, body in seen.memory.pipelines.items() if name in seen.named} | dict(seen.wanted)
    for name, body in sorted(bodies.items()):
        there = seen.pipelines.get(name)
        if there is None:
            yield Step(verb=Verb.PUT, name=name, reason="searches need it, and it is not there")
        elif there != body:
            yield Step(verb=Verb.PUT, name=name, reason="it is not what searches need now, or somebody changed it")


def _pointing(seen: Seen) -> Iterator[Step]:
    """Only to what fits the configuration: any other index gets its pipeline from its own build."""
    if not seen.is_complete:
        return
    to = seen.default.name if seen.default else None
    for index in seen.indices:
        if not index.fits or not index.kept or index.pipeline == to or _is_strangers(seen, index):
            continue
        if index.live:
            yield Step(verb=Verb.POINT, name=index.name, to=to, reason="its searches need it")
        elif index.pipeline is not None and _is_lost(seen, index.pipeline):
            reason = f"{index.pipeline} cannot work any more, and a rollback may come back to this index"
            yield Step(verb=Verb.POINT, name=index.name, to=to, reason=reason)


def _is_strangers(seen: Seen, index: SeenIndex) -> bool:
    """Whether somebody else says what it names: on the index, or in the corpus file."""
    owned = SEARCH_PIPELINE in seen.config.index.settings
    return owned or (index.pipeline is not None and not seen.is_ours(index.pipeline))


def _is_lost(seen: Seen, pipeline: str) -> bool:
    """Whether nobody can bring it back: its body is unknown, or a model that it names is gone."""
    body = seen.pipelines.get(pipeline, seen.memory.pipelines.get(pipeline))
    return body is None or any(seen.answering.get(model_id, True) is None for model_id in models_named(body))


def _tidying(seen: Seen) -> Iterator[Step]:
    """Nothing that an index of ours names, or the configuration needs."""
    if not seen.is_complete:
        return
    staying = seen.named | seen.wanted.keys()
    if seen.config.search.rerank is not None:
        # What is live may be asked through it even while nobody knows how to put it anew.
        staying |= {rerank_pipeline_name(seen.alias)}
    going = {name for name in seen.pipelines if _is_of_the_corpus(seen, name)} - staying
    for name in sorted(going):
        yield Step(
            verb=Verb.DELETE_PIPELINE, name=name, reason="no index names it, and the configuration needs it no more"
        )
    used = {model for name, body in seen.pipelines.items() if name not in going for model in models_named(body)}
    needed = {need.group for need in seen.needs}
    for group, models in seen.models.items():
        if group in needed:
            spare = [model.id for model in models if model.id not in {*used, *seen.serving.values()}]
            for model_id in spare:
                yield Step(verb=Verb.DELETE_MODEL, name=model_id, reason=f"group {group} has an older one that serves")
        elif used.isdisjoint(model.id for model in models):
            yield Step(verb=Verb.DELETE_GROUP, name=group, reason="no query of this corpus needs it any more")
    for group in sorted(seen.doubled):
        yield Step(verb=Verb.DELETE_DOUBLE, name=group, reason="several were made at once")


def _is_of_the_corpus(seen: Seen, pipeline: str) -> bool:
    return seen.is_ours(pipeline) or pipeline == rerank_pipeline_name(seen.alias)


def _notes(seen: Seen) -> Iterator[str]:
    live = seen.live
    if live is None:
        yield "no index is live: pipelines are tried when there is one"
    elif live.pipeline is not None and not seen.is_ours(live.pipeline):
        yield f"{live.name} names the search pipeline '{live.pipeline}', which is not ours, and keeps it"
    elif not live.fits:
        yield (
            f"{live.name} was made by other encoders, or for other fields, and keeps its pipeline; the next build names the new "
            "one"
        )
    for index in seen.indices:
        if (
            index.kept
            and not index.fits
            and index.pipeline
            and seen.is_ours(index.pipeline)
            and _is_lost(seen, index.pipeline)
        ):
            yield (
                f"the search pipeline {index.pipeline} of {index.name} cannot work any more, and its encoders are not those of "
                "the configuration: every search of it fails. Run a build"
            )
