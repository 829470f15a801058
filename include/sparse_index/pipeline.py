"""The whole build in one process: the stages of the DAG, one after another, for a person who debugs a corpus."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sparse_index.books.reconcile import reconcile
from sparse_index.builds.ending import GATE, PROMOTE, RETIRE, Ending, Stage, failures, is_done, outcome_of
from sparse_index.builds.plan import Plan
from sparse_index.builds.receipt import write_receipt
from sparse_index.builds.request import RunRequest
from sparse_index.builds.sign_of_life import sign_of_life
from sparse_index.cluster.client import Cluster
from sparse_index.cluster.cores import ml_cores
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.scan import scan_shard
from sparse_index.corpus.shards import ShardScan
from sparse_index.encode.part import encode_part
from sparse_index.errors import SparseIndexError
from sparse_index.gate.encoder import prove_encoder
from sparse_index.gate.gate import gate
from sparse_index.index.candidate import prepare_candidate
from sparse_index.index.part import index_part
from sparse_index.index.promote import promote
from sparse_index.live.generations import retire
from sparse_index.live.last_look import last_look
from sparse_index.ml.build_models import BuildModels, build_models, deployed, remove
from sparse_index.plan.changes import next_build_id, plan_changes
from sparse_index.plan.foresee import foreseen
from sparse_index.plan.shards import plan_shards
from sparse_index.preflight.examine import preflight
from sparse_index.progress import OnProgress, silent
from sparse_index.store.files import Store
from sparse_index.store.layout import build_folder
from sparse_index.timing import REAL_TIME, Clock, Timing

log = logging.getLogger(__name__)


@dataclass
class Stages:
    """The stages that ended, in order; what could not be tidied up; cluster settings before this run changed them."""

    timing: Timing
    ended: list[Stage] = field(default_factory=list)
    untidy: list[str] = field(default_factory=list)
    former_settings: Mapping[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._began = self.timing.clock()

    @property
    def wall_seconds(self) -> float:
        return self.timing.clock() - self._began

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started = self.timing.clock()
        try:
            yield
        except (SparseIndexError, KeyboardInterrupt) as error:
            said = str(error) or "interrupted"
            self.ended.append(Stage(name, self.timing.clock() - started, done=False, failure=said))
            raise
        self.ended.append(Stage(name, self.timing.clock() - started))


@dataclass(frozen=True)
class Run:
    """How one run ended: its plan and its receipt."""

    plan: Plan
    receipt: dict[str, object]


def make_plan(
    cluster: Cluster,
    config: CorpusConfig,
    store: Store,
    request: RunRequest,
    on_progress: OnProgress = silent,
    timing: Timing = REAL_TIME,
) -> Plan:
    """Scan the corpus and plan, as `plan_changes` does."""
    scans = _scan(cluster, config, store, request, on_progress, timing.clock)
    now, token = timing.now(), uuid.uuid4().hex
    return plan_changes(cluster, config, store, scans, request, now=now, token=token)


def plan_only(
    cluster: Cluster,
    config: CorpusConfig,
    store: Store,
    request: RunRequest,
    on_progress: OnProgress = silent,
    timing: Timing = REAL_TIME,
) -> Plan:
    """`make_plan` for a person who reads it: a build that ends with its plan, and leaves a receipt like any other."""
    return _build(cluster, config, store, request, Stages(timing), on_progress).plan


def run(
    cluster: Cluster,
    config: CorpusConfig,
    store: Store,
    request: RunRequest,
    on_progress: OnProgress = silent,
    timing: Timing = REAL_TIME,
) -> Run:
    """From corpus to promoted index. Whatever happens, the model is removed and a receipt is written; a kill leaves a sign
    of life that ends, by which the next run's preflight knows what to remove."""
    stages = Stages(timing)
    with stages.timed("preflight"):
        checked = preflight(cluster, config, store, timing=timing)
    stages.untidy += checked.left
    stages.former_settings = checked.former_settings
    return _build(cluster, config, store, request, stages, on_progress)


def _scan(
    cluster: Cluster, config: CorpusConfig, store: Store, request: RunRequest, on_progress: OnProgress, clock: Clock
) -> list[ShardScan]:
    shards = plan_shards(cluster, config, store, request)
    return [scan_shard(config, store, shard, on_progress, clock) for shard in shards]


def _build(
    cluster: Cluster, config: CorpusConfig, store: Store, request: RunRequest, stages: Stages, on_progress: OnProgress
) -> Run:
    with stages.timed("scan"):
        scans = _scan(cluster, config, store, request, on_progress, stages.timing.clock)
    now, token = stages.timing.now(), uuid.uuid4().hex
    with sign_of_life(store, build_folder(config.alias, next_build_id(scans, now, token)), stages.timing.now):
        with stages.timed("plan"):
            plan = plan_changes(cluster, config, store, scans, request, now=now, token=token)
            plan = foreseen(cluster, store, plan, encodes_here=True, clock=stages.timing.clock)
        try:
            if plan.makes_candidate:
                _encode(cluster, store, plan, stages, on_progress)
                _index(cluster, store, plan, stages, on_progress)
        finally:
            receipt = _received(store, plan, _ending(cluster, plan, stages))
    return Run(plan, receipt)


def _received(store: Store, plan: Plan, ending: Ending) -> dict[str, object]:
    """Where a stage has failed, a store that takes no receipt does not hide why: often it is what has failed."""
    try:
        return write_receipt(store, plan, ending)
    except SparseIndexError as error:
        if not failures(ending.stages):
            raise
        log.warning("Build %s has no receipt: %s", plan.build_id, error.message)
        return {}


def _ending(cluster: Cluster, plan: Plan, stages: Stages) -> Ending:
    switched = is_done(PROMOTE, stages.ended)
    seen = last_look(lambda: cluster, plan, promoted=switched)
    return Ending(
        outcome=outcome_of(plan, stages.ended, promoted=switched or plan.candidate == seen.live),
        live=seen.live,
        at=stages.timing.now(),
        untidy=[*stages.untidy, *seen.untidy],
        stages=stages.ended,
        former_settings=stages.former_settings,
        candidate_bytes=seen.candidate_bytes,
        wall_seconds=stages.wall_seconds,
        waited_seconds=0.0,
    )


def _encode(cluster: Cluster, store: Store, plan: Plan, stages: Stages, on_progress: OnProgress) -> None:
    if not plan.encode_parts:
        return
    models, settled = build_models(plan.group, plan.encoders), False
    try:
        with stages.timed("deploy"):
            model_ids = deployed(cluster, models, stages.timing)
        with stages.timed("prove_encoder"):
            prove_encoder(cluster, store, plan, model_ids, stages.timing)
        with stages.timed("encode"):
            cores = ml_cores(cluster)
            for part in plan.encode_parts:
                encode_part(
                    cluster, store, plan, part, model_ids, cores=cores, on_progress=on_progress, timing=stages.timing
                )
        settled = True
    finally:
        with stages.timed("delete_model"):
            _remove(cluster, models, stages.timing, settled=settled)


def _remove(cluster: Cluster, models: BuildModels, timing: Timing, *, settled: bool) -> None:
    """Fails no run. What is left of them is seen, and told, when the run ends."""
    try:
        for reason in remove(cluster, models, timing, settled=settled).kept:
            log.warning("%s", reason)
    except SparseIndexError as error:
        log.warning("%s", error)
        log.warning("Model group %s may still be there; the next run's preflight removes it.", models.group)


def _index(cluster: Cluster, store: Store, plan: Plan, stages: Stages, on_progress: OnProgress) -> None:
    with stages.timed("prepare_candidate"):
        prepare_candidate(cluster, store, plan, stages.timing.now)
    with stages.timed("index"):
        for part in plan.index_parts:
            index_part(cluster, store, plan, part, on_progress=on_progress, timing=stages.timing)
    with stages.timed("reconcile"):
        reconcile(cluster, store, plan, timing=stages.timing)
    with stages.timed(GATE):
        gate(cluster, store, plan)
    if not plan.promotes:
        return
    with stages.timed(PROMOTE):
        promote(cluster, plan, now=stages.timing.now())
    with stages.timed(RETIRE):
        stages.untidy += retire(cluster, plan.config).left
