"""Going back: the alias moves to a generation that was live before, after the checks that a candidate gets.

In two steps, because "previous" means another generation once the alias has moved: `choose_target` decides, and
`roll_back` may then be repeated after a kill as often as needed.

A rollback moves the alias and nothing else. The next daily run plans against the manifest of the index that is live
then (its `_meta.manifest`), so it applies everything that the corpus holds and the old generation lacks: it goes
forward again. A feed's run reads one partition only: those that came after the generation have to be run again, and the
rollback names them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from pydantic import AliasChoices, Field

from sparse_index.builds.plan import saved_plans
from sparse_index.builds.sign_of_life import living_builds
from sparse_index.cluster.allocation import full_disks
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError, SparseIndexError
from sparse_index.forms import Form
from sparse_index.live.alias import observe_alias
from sparse_index.live.attached import observe_attached, require_movable
from sparse_index.live.generations import OwnIndex, own_indices, previous
from sparse_index.live.meta import Meta, read_meta, write_meta
from sparse_index.live.replicas import ask_for_replicas, replicate
from sparse_index.live.switch import sealed_count, serve_like, switch_alias
from sparse_index.operations.search_pipeline import pipeline_after, require_pipeline
from sparse_index.store.files import Store
from sparse_index.store.layout import rollbacks_folder
from sparse_index.timing import REAL_TIME, Timing
from sparse_index.values import Frozen

log = logging.getLogger(__name__)

PREVIOUS = "previous"
DEADLINE_S = 3_600.0


class Target(Frozen):
    """What one rollback does, decided before anything is changed. `former`: where the alias is (None: nowhere), or was before
    a rollback that is to be finished. `replicas_follow`: the switch does not wait for the replicas of `index`."""

    alias: str
    index: str
    former: str | None = Field(validation_alias=AliasChoices("former", "live"))  # as the version before 0.2 says
    chosen_at: datetime
    run_id: str
    replicas_follow: bool = False


class Rollback(Frozen):
    """What a rollback did; written to `record`, a path in the store. `health`: of the index that is live now."""

    summary: str
    alias: str
    live: str
    former: str | None
    data_date: str
    documents: int
    health: str
    notes: list[str]
    run_id: str
    at: datetime
    record: str


ROLLBACK = Form(Rollback, "the record of a rollback", "Ask that version for it.")


def require_no_build_at_work(store: Store, alias: str, now: datetime) -> None:
    """`BuildError` while a run outside Airflow, which takes no turns, is about to move the alias itself."""
    at_work = living_builds(store, alias, now)
    if at_work:
        raise BuildError(
            f"Build {', '.join(at_work)} of '{alias}' is at work and would switch the alias afterwards. Nothing was changed. "
            "Wait until it has ended, or stop it."
        )


def choose_target(
    cluster: Cluster, config: CorpusConfig, to: str, *, now: datetime, run_id: str, replicas_follow: bool = False
) -> Target:
    """The generation called `to` (an index name or a build id), or the previous one; the live index, when a rollback to it was
    cut off after its switch. `BuildError` with the list when there is no such generation."""
    live = observe_alias(cluster, config.alias).require_sound().index
    own = own_indices(cluster, config.alias)
    meant = previous(own) if to == PREVIOUS else next((index for index in own if _is_called(index, to)), None)
    if meant is None or (meant.live and not _is_half_done(own, meant)):
        raise BuildError(
            f"'{config.alias}' has no {'previous generation' if to == PREVIOUS else f'generation {to!r}'} to go back to; "
            f"live is {live or 'no index'}. Generations: {_listed([index for index in own if index.is_generation])}."
        )
    left = next((index.name for index in own if index.is_wanted), None)
    return Target(
        alias=config.alias,
        index=meant.name,
        former=left if meant.live else live,
        chosen_at=now,
        run_id=run_id,
        replicas_follow=replicas_follow,
    )


def _is_called(index: OwnIndex, to: str) -> bool:
    return (index.live or index.is_generation) and to in (index.name, index.meta.build_id)


def _is_half_done(own: Sequence[OwnIndex], live: OwnIndex) -> bool:
    """Whether the alias came to `live` by a rollback that did not get to its marks."""
    return live.meta.withdrawn_at is not None or any(index.is_wanted and index.name > live.name for index in own)


def _listed(generations: Sequence[OwnIndex]) -> str:
    if not generations:
        return "none (retention.generations says how many are kept)"
    return "; ".join(
        f"{index.name} (data of {index.meta.data_date}, {index.meta.documents} documents"
        f"{', withdrawn by a rollback' if index.meta.withdrawn_at else ''}{', closed' if index.attached.is_closed else ''})"
        for index in generations
    )


def roll_back(
    cluster: Cluster,
    store: Store,
    config: CorpusConfig,
    target: Target,
    *,
    now: datetime,
    timing: Timing = REAL_TIME,
) -> Rollback:
    """Check the target, give it its replicas, switch, record. Idempotent; `BuildError` when the target is unfit or the
    alias is no longer where `target.former` saw it."""
    state = observe_alias(cluster, config.alias).require_sound()
    if state.index not in (target.former, target.index):
        raise BuildError(
            f"Lost race: alias '{config.alias}' is on {state.index or 'no index'}, not on {target.former or 'no index'} as when "
            f"this rollback was chosen. Nothing was changed. Trigger it anew."
        )
    is_to_move, former = state.index != target.index, target.former
    if is_to_move:
        _require_open(cluster, target)
    meta = _checked(cluster, target)
    notes = _notes(cluster, store, config, target, meta)
    pipeline, of_pipeline = pipeline_after(cluster, config, former, target.index) if is_to_move else (None, [])
    health = _replicated(cluster, config, target, timing)
    if is_to_move:
        serve_like(cluster, target.index, former, config, pipeline=pipeline, alike=former is not None)
        switch_alias(cluster, config.alias, former=former, to=target.index, owned=config.index)
    _mark(cluster, target, now)
    if health != "green" and target.replicas_follow:
        notes.append(
            f"its replicas were not waited for: GET /_cluster/health/{target.index} is green once they are there"
        )
    return _recorded(store, target, meta, [*notes, *of_pipeline], health, now)


def _require_open(cluster: Cluster, target: Target) -> None:
    """What a person did to either index that has to be undone by a person first."""
    if observe_attached(cluster, target.index).is_closed:
        raise BuildError(
            f"{target.index} is closed, so it cannot be searched. Nothing was changed. POST /{target.index}/_open, then roll "
            "back again; or choose another generation."
        )
    for index in filter(None, (target.former, target.index)):
        require_movable(cluster, index)


def _checked(cluster: Cluster, target: Target) -> Meta:
    """The target's `_meta`, when it is complete, holds what it says, and can be searched as readers would."""
    meta = read_meta(cluster, target.index)
    if meta is None or meta.alias != target.alias or meta.state != "complete" or meta.documents is None:
        raise BuildError(
            f"{target.index} is {'gone' if meta is None else 'not a complete index'} of '{target.alias}'. Choose another one."
        )
    require_pipeline(cluster, target.index)  # without it not even a count is answered
    count = sealed_count(cluster, target.index)
    if count != meta.documents:
        raise BuildError(
            f"{target.index} holds {count} documents, but had {meta.documents} when it was live: somebody wrote to it. "
            "Choose another generation."
        )
    cluster.get(f"/{target.index}/_search", {"size": 1})
    return meta


def _notes(cluster: Cluster, store: Store, config: CorpusConfig, target: Target, meta: Meta) -> list[str]:
    """What a person should know before the next daily run."""
    live = read_meta(cluster, target.former) if target.former else None
    other_encoder = live is not None and live.encoders != meta.encoders
    missing = config.vector_fields.keys() - _fields(cluster, target.index).keys()
    facts = {
        f"version {meta.written_by} of the package built it: daily runs have to be of that version or a later one": meta.is_later,
        "it was built by another encoder than the former live index: queries must be encoded by that one": other_encoder,
        f"its mapping has no field '{', '.join(sorted(missing))}': queries must name the field it was built with": bool(
            missing
        ),
        f"its manifest {meta.manifest} is not in the store: the next run of a snapshot builds in full, that of a feed "
        "refuses": not store.exists(meta.manifest),
    }
    return [*(fact for fact, applies in facts.items() if applies), *_feed_note(store, config, meta)]


def _feed_note(store: Store, config: CorpusConfig, meta: Meta) -> list[str]:
    """A partition that came after the generation is in none of the runs to come."""
    if config.kind != "feed":
        return []
    later = [found for found in saved_plans(store, config.alias) if found[0] > meta.build_id]
    days = sorted({str(plan.request.data_date) for _, plan in later if plan is not None and plan.makes_candidate})
    days += [f"that of build {build_id}, whose plan another version wrote" for build_id, plan in later if plan is None]
    return [f"a feed's run reads one partition: run those again that came after it ({', '.join(days)})"] if days else []


def _fields(cluster: Cluster, index: str) -> Json:
    mappings: Json = cluster.get(f"/{index}/_mapping")[index]["mappings"]
    fields: Json = mappings.get("properties", {})
    return fields


def _replicated(cluster: Cluster, config: CorpusConfig, target: Target, timing: Timing) -> str:
    """Generations are kept without replicas; one that goes live gets them first, or asks for them at least."""
    shards = observe_attached(cluster, target.index).shape.shards
    wanted = config.index.model_copy(update={"shards": shards})
    if target.replicas_follow:
        ask_for_replicas(cluster, target.index, wanted)
        return str(cluster.get(f"/_cluster/health/{target.index}")["status"])
    try:
        return replicate(cluster, target.index, wanted, deadline_s=DEADLINE_S, timing=timing, waits_for_room=False)
    except BuildError as error:
        _take_back(cluster, target)
        raise BuildError(
            f"{error.message} Or go back at once and let them follow (replicas_follow, --replicas-follow): until they have, a "
            "node that fails takes documents from readers."
        ) from error


def _take_back(cluster: Cluster, target: Target) -> None:
    """Replicas for which there is no room, as whatever is freed next would be taken by them. What is being copied goes on: the
    next attempt finds it."""
    with suppress(SparseIndexError):  # the first error is the one to tell
        if full_disks(cluster, target.index) and observe_alias(cluster, target.alias).index != target.index:
            cluster.put(f"/{target.index}/_settings", {"index.number_of_replicas": 0})


def _mark(cluster: Cluster, target: Target, now: datetime) -> None:
    """Every newer index is withdrawn, the one that was left and those that it goes back over: "previous" and the retention
    then know that they are not wanted. Not once somebody has moved the alias on: what he left is his to mark."""
    if observe_alias(cluster, target.alias).index != target.index:
        return
    for index in own_indices(cluster, target.alias):
        marked = _marked(index, target, now)
        # One that a person made read-only is never deleted; it must not keep the others from their marks.
        if marked != index.meta and index.attached.read_only is None:
            write_meta(cluster, index.name, marked)
        if index.name == target.former:
            cluster.put(f"/{index.name}/_settings", {"index.number_of_replicas": 0, "index.blocks.write": True})


def _marked(index: OwnIndex, target: Target, now: datetime) -> Meta:
    promoted, withdrawn = index.meta.promoted_at, index.meta.withdrawn_at
    if index.name == target.former:
        promoted = promoted or now
    if index.name == target.index:
        withdrawn = None
    elif promoted is not None and index.name > target.index:
        withdrawn = withdrawn or now
    return index.meta.model_copy(update={"promoted_at": promoted, "withdrawn_at": withdrawn})


def _recorded(store: Store, target: Target, meta: Meta, notes: list[str], health: str, now: datetime) -> Rollback:
    path = f"{rollbacks_folder(target.alias)}/{target.chosen_at:%Y%m%dT%H%M%S}-{meta.build_id}.json"
    result = Rollback(
        summary=f"'{target.alias}' is on {target.index} (data of {meta.data_date}, {meta.documents} documents) again; "
        f"{target.former or 'no index'} was live before.",
        alias=target.alias,
        live=target.index,
        former=target.former,
        data_date=meta.data_date.isoformat(),
        documents=meta.documents or 0,
        health=health,
        notes=notes,
        run_id=target.run_id,
        at=now,
        record=path,
    )
    ROLLBACK.save(store, path, result)
    return result
