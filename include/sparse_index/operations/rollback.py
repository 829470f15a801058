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
from datetime import datetime

from sparse_index.builds.plan import saved_plans
from sparse_index.builds.sign_of_life import living_builds
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.forms import Form
from sparse_index.live.alias import observe_alias
from sparse_index.live.attached import NO_PIPELINE, SEARCH_PIPELINE, observe_attached, require_movable
from sparse_index.live.generations import OwnIndex, own_indices
from sparse_index.live.meta import Meta, read_meta, write_meta
from sparse_index.live.replicas import replicate
from sparse_index.live.switch import sealed_count, serve_like, switch_alias
from sparse_index.names import pipeline_owner
from sparse_index.serving.look import model_answers, models_named
from sparse_index.store.files import Store
from sparse_index.store.layout import rollbacks_folder
from sparse_index.timing import REAL_TIME, Timing
from sparse_index.values import Frozen

log = logging.getLogger(__name__)

PREVIOUS = "previous"
DEADLINE_S = 3_600.0


class Target(Frozen):
    """What one rollback does, decided before anything is changed. `live`: where the alias is (None: nowhere)."""

    alias: str
    index: str
    live: str | None
    chosen_at: datetime
    run_id: str


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


def choose_target(cluster: Cluster, config: CorpusConfig, to: str, *, now: datetime, run_id: str) -> Target:
    """The generation called `to` (an index name or a build id), or the newest one before the live index that no
    rollback has withdrawn. `BuildError` with the list when there is no such generation."""
    live = observe_alias(cluster, config.alias).require_sound().index
    generations = [index for index in own_indices(cluster, config.alias) if index.is_generation]
    fitting = [index for index in generations if _is_meant(index, to, live)]
    if not fitting:
        raise BuildError(
            f"'{config.alias}' has no {'previous generation' if to == PREVIOUS else f'generation {to!r}'} to go back to; "
            f"live is {live or 'no index'}. Generations: {_listed(generations)}."
        )
    return Target(alias=config.alias, index=fitting[0].name, live=live, chosen_at=now, run_id=run_id)


def _is_meant(index: OwnIndex, to: str, live: str | None) -> bool:
    if to != PREVIOUS:
        return to in (index.name, index.meta.build_id)
    return index.meta.withdrawn_at is None and (live is None or index.name < live)


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
    alias is no longer where `target.live` saw it."""
    state = observe_alias(cluster, config.alias).require_sound()
    if state.index not in (target.live, target.index):
        raise BuildError(
            f"Lost race: alias '{config.alias}' is on {state.index or 'no index'}, not on {target.live or 'no index'} as when "
            f"this rollback was chosen. Nothing was changed. Trigger it anew."
        )
    if state.index != target.index:
        _require_open(cluster, target)
    meta = _checked(cluster, target)
    notes = _notes(cluster, store, config, target, meta)
    health = _replicated(cluster, config, target.index, timing)
    if state.index != target.index:
        pipeline = _own_pipeline(cluster, config, target)
        serve_like(cluster, target.index, target.live, config, pipeline=pipeline, alike=target.live is not None)
        switch_alias(cluster, config.alias, former=target.live, to=target.index, owned=config.index)
    _mark(cluster, target, now)
    return _recorded(store, target, meta, notes, health, now)


def _own_pipeline(cluster: Cluster, config: CorpusConfig, target: Target) -> str | None:
    """The target brings the search pipeline that it was made for; where it has none, that of the index with the same encoders."""
    own = _setting(cluster, target.index, SEARCH_PIPELINE)
    if target.live is None or (own is not None and pipeline_owner(own) == config.alias):
        return own
    live, meta = read_meta(cluster, target.live), read_meta(cluster, target.index)
    alike = live is not None and meta is not None and live.encoders == meta.encoders
    return _setting(cluster, target.live, SEARCH_PIPELINE) if alike else None


def _require_open(cluster: Cluster, target: Target) -> None:
    """What a person did to either index that has to be undone by a person first."""
    if observe_attached(cluster, target.index).is_closed:
        raise BuildError(
            f"{target.index} is closed, so it cannot be searched. Nothing was changed. POST /{target.index}/_open, then roll "
            "back again; or choose another generation."
        )
    for index in filter(None, (target.live, target.index)):
        require_movable(cluster, index)


def _checked(cluster: Cluster, target: Target) -> Meta:
    """The target's `_meta`, when it is complete, holds what it says, and can be searched as readers would."""
    meta = read_meta(cluster, target.index)
    if meta is None or meta.alias != target.alias or meta.state != "complete" or meta.documents is None:
        raise BuildError(
            f"{target.index} is {'gone' if meta is None else 'not a complete index'} of '{target.alias}'. Choose another one."
        )
    _require_pipeline(cluster, target.index)  # without it not even a count is answered
    count = sealed_count(cluster, target.index)
    if count != meta.documents:
        raise BuildError(
            f"{target.index} holds {count} documents, but had {meta.documents} when it was live: somebody wrote to it. "
            "Choose another generation."
        )
    cluster.get(f"/{target.index}/_search", {"size": 1})
    return meta


def _require_pipeline(cluster: Cluster, index: str) -> None:
    """Every search of an index is refused whose default search pipeline is gone; and one that its model has to encode."""
    name = _setting(cluster, index, SEARCH_PIPELINE)
    if name in (None, NO_PIPELINE):
        return
    body = (cluster.find(f"/_search/pipeline/{name}") or {}).get(name)
    if body is None:
        raise BuildError(
            f"{index} names the search pipeline '{name}', which does not exist: every search would fail. Let the serving DAG run "
            f"if it is ours, else create it again, or set index.search.default_pipeline of {index} to _none; then roll back."
        )
    silent = [model_id for model_id in sorted(models_named(body)) if not model_answers(cluster, model_id)]
    if silent:
        raise BuildError(
            f"{index} names the search pipeline '{name}', whose model {', '.join(silent)} does not answer: searches would fail. "
            "Deploy it (of a model of ours: let the serving DAG run), then roll back."
        )


def _setting(cluster: Cluster, index: str, name: str) -> str | None:
    answer: Json = cluster.get(f"/{index}/_settings/{name}", flat_settings="true")
    value = answer.get(index, {}).get("settings", {}).get(name)
    return None if value is None else str(value)


def _notes(cluster: Cluster, store: Store, config: CorpusConfig, target: Target, meta: Meta) -> list[str]:
    """What a person should know before the next daily run."""
    live = read_meta(cluster, target.live) if target.live else None
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


def _replicated(cluster: Cluster, config: CorpusConfig, index: str, timing: Timing) -> str:
    """Generations are kept without replicas; one that goes live gets them first."""
    shards = int(_setting(cluster, index, "index.number_of_shards") or config.index.shards)
    wanted = config.index.model_copy(update={"shards": shards})
    return replicate(cluster, index, wanted, deadline_s=DEADLINE_S, timing=timing)


def _mark(cluster: Cluster, target: Target, now: datetime) -> None:
    """The index that was left is withdrawn when it is newer: "previous" and the retention then know it is not wanted."""
    meta = read_meta(cluster, target.index)
    if meta is not None and meta.withdrawn_at is not None:
        write_meta(cluster, target.index, meta.model_copy(update={"withdrawn_at": None}))
    if target.live is None or target.live == target.index:
        return
    former = read_meta(cluster, target.live)
    if former is not None:
        withdrawn = now if target.live > target.index else former.withdrawn_at
        promoted = former.promoted_at or now
        write_meta(cluster, target.live, former.model_copy(update={"withdrawn_at": withdrawn, "promoted_at": promoted}))
        cluster.put(f"/{target.live}/_settings", {"index.number_of_replicas": 0, "index.blocks.write": True})


def _recorded(store: Store, target: Target, meta: Meta, notes: list[str], health: str, now: datetime) -> Rollback:
    path = f"{rollbacks_folder(target.alias)}/{target.chosen_at:%Y%m%dT%H%M%S}-{meta.build_id}.json"
    result = Rollback(
        summary=f"'{target.alias}' is on {target.index} (data of {meta.data_date}, {meta.documents} documents) again; "
        f"{target.live or 'no index'} was live before.",
        alias=target.alias,
        live=target.index,
        former=target.live,
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
