"""A run that is cleared as a whole: what Airflow keeps of its former attempt."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from opensearch_ml.operators.corpus import SHARDS_TASK, PlanChangesOperator
from opensearch_ml.params import trigger_form
from sparse_index.corpus.shards import Shard, ShardScan


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
