"""What becomes of a run when one of its tasks fails or has nothing to do: the real wiring, with stand-in work.

The failures that matter are the ones that other shapes hide: a failed setup whose teardown does not run, a teardown
that turns a failed run green, a failed teardown that nobody sees.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dag_help import load_dags

pytestmark = pytest.mark.usefixtures("metadata_database")

PART = {"number": 0, "rows": 10, "texts": 10, "documents": 10}
LISTS = {"plan_shards": [PART], "reserve": [PART, PART], "prepare_candidate": [PART]}
ENCODER = ("create_model_group", "register_model", "wait_registered", "deploy_model", "wait_deployed", "encode")
TEARDOWNS = ("undeploy_model", "delete_model", "delete_model_group")
INDEX = ("index", "reconcile", "gate", "promote", "retire")
_MINUTE = count()


class StandIn:
    """Does what a scenario says for its task id, and notes that it ran."""

    def __init__(self, fail: set[str], skip: set[str], lists: dict) -> None:
        self.fail, self.skip, self.lists = fail, skip, lists
        self.ended_well: set[str] = set()

    def as_method(self):
        return lambda operator, context: self.execute(operator)

    def execute(self, operator):
        if operator.task_id == "receipt":
            self._receipt()
        if operator.task_id in self.fail:
            raise AirflowFailException("on purpose")
        if operator.task_id in self.skip:
            raise AirflowSkipException("nothing to do")
        self.ended_well.add(operator.task_id)
        return self.lists.get(operator.task_id, {})

    def _receipt(self) -> None:
        if "promote" not in self.ended_well and "prepare_candidate" not in self.skip:
            raise AirflowFailException("the build did not end well")


@pytest.fixture
def run(monkeypatch):
    """Runs the tickets DAG with `fail` failing and `skip` skipping; gives the run's state and every task's."""
    from opensearch_ml import sensors
    from opensearch_ml.operators import base

    def once(fail=(), skip=(), lists=LISTS):
        stand_in = StandIn(set(fail), set(skip), lists)
        for work in (base.CorpusOperator, base.BuildOperator, sensors.ModelWaitSensor):
            monkeypatch.setattr(work, "execute", stand_in.as_method())
        dag = load_dags()["sparse_index__tickets"]
        when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=next(_MINUTE))
        result = dag.test(run_after=when, logical_date=when)
        return str(result.state), {ti.task_id: str(ti.state) for ti in result.get_task_instances()}

    return once


def test_all_well(run) -> None:
    state, tasks = run()
    assert state == "success"
    assert set(tasks.values()) == {"success"}


def test_nothing_to_encode_skips_the_encoder_with_its_teardowns_and_promotes(run) -> None:
    state, tasks = run(skip=["reserve"])
    assert state == "success"
    assert {tasks[task_id] for task_id in (*ENCODER, *TEARDOWNS)} == {"skipped"}
    assert {tasks[task_id] for task_id in INDEX} == {"success"}


def test_nothing_changed_is_a_success_that_promotes_nothing(run) -> None:
    state, tasks = run(skip=["reserve", "prepare_candidate"])
    assert state == "success"
    assert {tasks[task_id] for task_id in (*ENCODER, *TEARDOWNS, *INDEX)} == {"skipped"}
    assert tasks["receipt"] == "success"


@pytest.mark.parametrize("failing", ENCODER)
def test_whatever_fails_in_the_encoder_the_teardowns_run_and_the_run_fails(run, failing) -> None:
    state, tasks = run(fail=[failing])
    assert state == "failed"
    assert {tasks[task_id] for task_id in TEARDOWNS} == {"success"}
    assert tasks["promote"] == "upstream_failed"
    assert tasks["receipt"] == "failed"


@pytest.mark.parametrize("failing", ["prepare_candidate", *INDEX])
def test_whatever_fails_in_the_index_the_teardowns_have_run_and_the_run_fails(run, failing) -> None:
    state, tasks = run(fail=[failing])
    assert state == "failed"
    assert {tasks[task_id] for task_id in TEARDOWNS} == {"success"}


@pytest.mark.parametrize("failing", ["preflight", "plan_shards", "scan", "plan_changes"])
def test_a_failure_before_anything_exists_needs_no_teardown_and_fails_the_run(run, failing) -> None:
    state, tasks = run(fail=[failing])
    assert state == "failed"
    assert not {"success", "failed"} & {tasks[task_id] for task_id in (*ENCODER, *TEARDOWNS)}
    assert tasks["receipt"] == "failed"


@pytest.mark.parametrize("failing", TEARDOWNS)
def test_a_failed_teardown_is_seen_and_stops_neither_the_others_nor_the_promotion(run, failing) -> None:
    state, tasks = run(fail=[failing])
    assert state == "failed"
    assert {tasks[task_id] for task_id in TEARDOWNS if task_id != failing} == {"success"}
    assert tasks["promote"] == "success"
    assert tasks["receipt"] == "success"


def test_an_empty_index_list_cannot_pass_for_a_promotion(run) -> None:
    state, tasks = run(lists=LISTS | {"prepare_candidate": []})
    assert tasks["promote"] == "skipped"
    assert state == "failed"


def test_a_failed_receipt_fails_the_run(run) -> None:
    state, tasks = run(fail=["receipt"])
    assert state == "failed"
    assert tasks["promote"] == "success"
