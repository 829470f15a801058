"""The whole build in one process: the stages of the DAG, one after another, for a person who debugs a corpus."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sparse_index.cluster import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import ExistingModel
from sparse_index.corpus.files import plan_shards
from sparse_index.corpus.scan import scan_shard
from sparse_index.encode.part import encode_part
from sparse_index.index.alias import observe_alias
from sparse_index.index.candidate import prepare_candidate
from sparse_index.index.gate import gate
from sparse_index.index.generations import retire
from sparse_index.index.part import index_part
from sparse_index.index.promote import promote
from sparse_index.index.reconcile import reconcile
from sparse_index.ml import commons
from sparse_index.ml.cores import ml_cores
from sparse_index.ml.waits import Wait, wait_until
from sparse_index.plan.changes import plan_changes
from sparse_index.plan.model import Plan, RunRequest
from sparse_index.preflight import preflight
from sparse_index.progress import Report, silent
from sparse_index.receipt import Ending, Outcome, write_receipt
from sparse_index.store import Store

Clock = Callable[[], float]


@dataclass
class Stages:
    """Seconds of each stage that ended, in order."""

    clock: Clock = time.monotonic
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started = self.clock()
        yield
        self.seconds[name] = round(self.clock() - started, 3)


@dataclass(frozen=True)
class Run:
    """How one run ended: its plan and its receipt."""

    plan: Plan
    receipt: dict[str, object]


def make_plan(
    cluster: Cluster, config: CorpusConfig, store: Store, request: RunRequest, report: Report = silent
) -> Plan:
    """Scan the corpus and plan; nothing is written to the cluster."""
    scans = [scan_shard(config, store, shard, report) for shard in plan_shards(config, request.data_date)]
    now, token = datetime.now(UTC), uuid.uuid4().hex
    return plan_changes(cluster, config, store, scans, request, now=now, token=token)


def run(cluster: Cluster, config: CorpusConfig, store: Store, request: RunRequest, report: Report = silent) -> Run:
    """From corpus to promoted index. Whatever happens, the model is removed and a receipt is written."""
    stages = Stages()
    with stages.timed("preflight"):
        checked = preflight(cluster, config, store)
    with stages.timed("plan"):
        plan = make_plan(cluster, config, store, request, report)
    outcome: Outcome = "failed"
    try:
        if plan.builds:
            _encode(cluster, store, plan, stages, report)
            outcome = _index(cluster, store, plan, stages, report)
        else:
            outcome = plan.outcome_when_idle
    finally:
        live = observe_alias(cluster, config.alias).index
        ending = Ending(
            outcome, live, datetime.now(UTC), stage_seconds=stages.seconds, former_settings=checked.former_settings
        )
        receipt = write_receipt(store, plan, ending)
    return Run(plan, receipt)


def _encode(cluster: Cluster, store: Store, plan: Plan, stages: Stages, report: Report) -> None:
    if not plan.encode_parts:
        return
    try:
        with stages.timed("deploy"):
            model_id = deployed_model(cluster, plan)
        with stages.timed("encode"):
            cores = ml_cores(cluster)
            for part in plan.encode_parts:
                encode_part(cluster, store, plan, part, model_id, cores=cores, report=report)
    finally:
        if not isinstance(plan.config.encoder.model, ExistingModel):
            commons.remove_build_models(cluster, plan.group)


def deployed_model(cluster: Cluster, plan: Plan) -> str:
    """Register and deploy the plan's encoder and wait for both; gives the model id."""
    encoder = plan.config.encoder
    if isinstance(encoder.model, ExistingModel):
        return encoder.model.model_id
    group_id = commons.create_group(cluster, plan.group, f"Build {plan.build_id} of {plan.alias}")
    started = commons.register(cluster, encoder, group_id, plan.group)
    deadline = time.time() + encoder.register_deadline_s
    registration = Wait(kind="register", task_id=started.task_id, model_id=started.model_id, deadline_at=deadline)
    model_id = wait_until(cluster, registration)
    task_id = commons.deploy(cluster, model_id)
    deadline = time.time() + encoder.deploy_deadline_s
    return wait_until(cluster, Wait(kind="deploy", task_id=task_id, model_id=model_id, deadline_at=deadline))


def _index(cluster: Cluster, store: Store, plan: Plan, stages: Stages, report: Report) -> Outcome:
    with stages.timed("prepare_candidate"):
        prepare_candidate(cluster, store, plan)
    with stages.timed("index"):
        for part in plan.index_parts:
            index_part(cluster, store, plan, part, report=report)
    with stages.timed("reconcile"):
        reconcile(cluster, store, plan)
    with stages.timed("gate"):
        gate(cluster, store, plan)
    if not plan.promotes:
        return "not_promoted"
    with stages.timed("promote"):
        promote(cluster, plan, now=datetime.now(UTC))
    with stages.timed("retire"):
        retire(cluster, plan.config)
    return "promoted"
