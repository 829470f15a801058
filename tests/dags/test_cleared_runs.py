"""A run that is cleared as a whole: what Airflow keeps of its former attempt."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import yaml
from airflow.sdk import DAG, BaseOperator, chain

from build_plans import NOW, corpus_config, make_plan
from dag_help import store_dag
from fake_opensearch import fake_cluster
from opensearch_ml.failures import ERROR_KEY
from opensearch_ml.hooks import OpenSearchMLHook
from opensearch_ml.opened import PLAN_TASK
from opensearch_ml.operators.approval import ANSWER_KEY
from opensearch_ml.operators.corpus import SHARDS_TASK, PlanChangesOperator
from opensearch_ml.operators.receipt import ReceiptOperator
from opensearch_ml.params import trigger_form
from opensearch_ml.turns import APPROVE
from real_day import run_of_partition
from sparse_index.builds.ending import PROMOTE
from sparse_index.builds.plan import save_plan
from sparse_index.corpus.shards import Shard, ShardScan
from sparse_index.store.files import Store
from sparse_index.store.layout import receipt_path


class PlannedError(Exception):
    """In place of a plan: which scans it would be made of."""


def scan(number: int, version: str) -> ShardScan:
    shard = Shard(number=number, uri="a", version=version, first_row_group=0, row_groups=1, rows=1)
    return ShardScan(shard=shard, manifest=f"{version}-{number}", rows=1)


def test_a_plan_is_made_of_the_shards_that_the_last_attempt_gave(monkeypatch: pytest.MonkeyPatch, dag: DAG) -> None:
    """Airflow marks mapped tasks that a cleared run no longer has as removed, and still gives what they had left."""

    def plan(cluster: Any, config: Any, store: Any, scans: list[ShardScan], *_: Any, **__: Any) -> None:
        raise PlannedError([each.manifest for each in scans])

    monkeypatch.setattr("sparse_index.plan.changes.plan_changes", plan)
    left = [scan(0, "now"), scan(1, "before"), scan(2, "before")]
    xcoms = {SHARDS_TASK: [left[0].shard.model_dump(mode="json")]}
    scans = [each.model_dump(mode="json", exclude_unset=True) for each in left]
    task = PlanChangesOperator(task_id="plan", corpus="c", scans=scans)
    ti = SimpleNamespace(
        dag_id="d", run_id="me", get_task_states=lambda **_: {}, xcom_pull=lambda task_ids: xcoms[task_ids]
    )
    run = SimpleNamespace(partition_key="2026-01-02", logical_date=None, run_after=None)
    params = {name: param.value for name, param in trigger_form().items()}
    corpus: Any = SimpleNamespace(cluster=None, config=None, store=None)
    with pytest.raises(PlannedError, match=r"\['now-0'\]"):
        task.work(corpus, {"ti": ti, "run_id": "me", "dag_run": run, "params": params})
    assert dag.get_task(SHARDS_TASK).downstream_task_ids >= {"scan"}


class Leaves(BaseOperator):
    """Fails in the attempts of the run in which it is to; else it leaves this, and an answer where there is one."""

    def __init__(self, *, left: Any = None, answer: str | None = None, failing: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.left = left
        self.answer = answer
        self.failing = failing

    def execute(self, context: Any) -> Any:
        if self.task_id in self.failing:
            context["ti"].xcom_push(key=ERROR_KEY, value="out of order")
            raise RuntimeError("out of order")
        if self.answer:
            context["ti"].xcom_push(key=ANSWER_KEY, value=self.answer)
        return self.left


def said_by_receipt(run: Any) -> list[str]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        of_receipt = {"run_id": run.run_id, "task_id": "receipt", "key": ERROR_KEY}
        return str(session.query(XComModel).filter_by(**of_receipt).one().value).splitlines()


@pytest.mark.usefixtures("metadata_database")
def test_the_receipt_tells_of_the_attempt_that_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow keeps what a task left until that task begins again, which those below a failed one do not."""
    monkeypatch.setattr(OpenSearchMLHook, "cluster", fake_cluster(lambda *_: {}))
    monkeypatch.setenv("AIRFLOW_CONN_OPENSEARCH_DEFAULT", "opensearch://127.0.0.1:9")
    monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(tmp_path))
    store, config = Store(str(tmp_path / "store")), corpus_config("things", str(tmp_path / "store"))
    (tmp_path / "things.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json", exclude_unset=True)))
    plan = make_plan(config)
    planned = {"store": store.root_uri, "plan": save_plan(store, plan)}
    failing: list[str] = []
    with DAG(f"cleared-{uuid4().hex[:6]}", schedule=None, start_date=NOW) as dag:
        leave = partial(Leaves, failing=failing)
        tasks = [
            leave(task_id="preflight"),
            leave(task_id=PLAN_TASK, left=planned),
            leave(task_id=APPROVE, answer="Reject by vera"),
            leave(task_id=PROMOTE, left={"live": plan.candidate}),
            ReceiptOperator(task_id="receipt", corpus="things").as_teardown(on_failure_fail_dagrun=True),
        ]
        chain(*tasks)
    store_dag(dag)
    # By itself `dag.test()` reads the whole folder of DAGs each time.
    monkeypatch.setattr("airflow.dag_processing.bundles.manager.DagBundlesManager.get_all_dag_bundles", lambda _: ())
    monkeypatch.setattr(time, "sleep", lambda _: None)  # once for each task further that a failure travels
    monkeypatch.setattr("airflow.models.dagrun.get_or_create_dagrun", partial(run_of_partition, None))

    def attempt(*fails: str) -> list[str]:
        failing[:] = fails
        return said_by_receipt(dag.test(logical_date=None))

    assert attempt()[0] == "The gate was in doubt, and the answer to it: Reject by vera."
    receipt = store.read_json(receipt_path(plan.alias, plan.build_id))
    assert attempt("preflight") == [
        "preflight failed: out of order",
        "No build was planned.",
        "'things' has no live index.",
    ]
    assert store.read_json(receipt_path(plan.alias, plan.build_id)) == receipt, "of the attempt that made that plan"
