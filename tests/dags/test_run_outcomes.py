"""What becomes of a run when one of its tasks fails or has nothing to do: the real wiring under Airflow's scheduling.

Nothing is executed here: each task is given the end that a scenario says, and Airflow decides what follows, as its
scheduler does. The failures that matter are the ones that other shapes hide: a failed setup whose teardown does not
run, a teardown that turns a failed run green, a failed teardown that nobody sees. test_real_runs.py executes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from dag_help import store_dags

DAG_ID = "sparse_index__tickets"
LISTS = {"plan_shards": 1, "reserve": 2, "prepare_candidate": 1}
LIFE = ("create_model_group", "register_model", "wait_registered", "deploy_model", "wait_deployed")
ENCODER = (*LIFE, "prove_encoder", "encode")
TEARDOWNS = ("undeploy_model", "delete_model", "delete_model_group")
INDEX = ("index", "reconcile", "gate", "promote", "retire")
MOST_ROUNDS = 100  # three rounds a task
_RUN = count()
Run = Callable[..., tuple[str, dict[str, str]]]


@dataclass
class Scenario:
    """The end of every task whose turn comes; `lists`: how many items each task gives to the one mapped over it."""

    fail: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    lists: Mapping[str, int] = field(default_factory=lambda: LISTS)
    ended_well: set[str] = field(default_factory=set)

    def end_of(self, task_id: str) -> str:
        if task_id in self.fail or (task_id == "receipt" and not self._build_ended_well()):
            return "failed"
        if task_id in self.skip:
            return "skipped"
        self.ended_well.add(task_id)
        return "success"

    def _build_ended_well(self) -> bool:
        return "retire" in self.ended_well or "prepare_candidate" in self.skip


@pytest.fixture(scope="module")
def scheduled(metadata_database: None) -> Any:
    """The tickets DAG as the scheduler reads it from the metadata database."""
    from airflow.models.serialized_dag import SerializedDagModel

    store_dags()
    return SerializedDagModel.get_dag(DAG_ID)


@pytest.fixture
def run(scheduled: Any) -> Run:
    """Plays a scenario; gives the run's state and every task's."""

    def play(**scenario: Any) -> tuple[str, dict[str, str]]:
        from airflow.utils.session import create_session

        with create_session() as session:
            dag_run = new_run(scheduled, session)
            play_to_the_end(dag_run, Scenario(**scenario), session)
            instances = dag_run.get_task_instances(session=session)
            return str(dag_run.state), {ti.task_id: str(ti.state) for ti in instances}

    return play


def new_run(dag: Any, session: Any) -> Any:
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    number = next(_RUN)
    when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    return dag.create_dagrun(
        run_id=f"run-{number}",
        logical_date=when,
        run_after=when,
        start_date=when,
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.RUNNING,
        session=session,
    )


def play_to_the_end(dag_run: Any, scenario: Scenario, session: Any) -> None:
    from airflow.models.taskmap import TaskMap

    for _ in range(MOST_ROUNDS):
        session.commit()
        ready, _ = dag_run.update_state(session=session)
        for ti in ready:
            ti.state = scenario.end_of(ti.task_id)
            if ti.state == "success" and ti.task_id in scenario.lists:
                session.add(TaskMap(ti.dag_id, ti.task_id, ti.run_id, -1, scenario.lists[ti.task_id], None))
        if dag_run.state != "running":
            return
    pytest.fail(f"the run still goes on after {MOST_ROUNDS} rounds of scheduling")


def test_all_well(run: Run) -> None:
    state, tasks = run()
    assert state == "success"
    assert set(tasks.values()) == {"success"}


def test_nothing_to_encode_skips_the_encoder_with_its_teardowns_and_promotes(run: Run) -> None:
    state, tasks = run(skip=("reserve",))
    assert state == "success"
    assert {tasks[task_id] for task_id in (*ENCODER, *TEARDOWNS)} == {"skipped"}
    assert {tasks[task_id] for task_id in INDEX} == {"success"}


def test_nothing_changed_is_a_success_that_promotes_nothing(run: Run) -> None:
    state, tasks = run(skip=("reserve", "prepare_candidate"))
    assert state == "success"
    assert {tasks[task_id] for task_id in (*ENCODER, *TEARDOWNS, *INDEX)} == {"skipped"}
    assert tasks["receipt"] == "success"


@pytest.mark.parametrize("failing", ENCODER)
def test_whatever_fails_in_the_encoder_the_teardowns_run_and_the_run_fails(run: Run, failing: str) -> None:
    state, tasks = run(fail=(failing,))
    assert state == "failed"
    assert {tasks[task_id] for task_id in TEARDOWNS} == {"success"}
    assert tasks["promote"] == "upstream_failed"
    assert tasks["receipt"] == "failed"


@pytest.mark.parametrize("failing", ["prepare_candidate", *INDEX])
def test_whatever_fails_in_the_index_the_teardowns_have_run_and_the_run_fails(run: Run, failing: str) -> None:
    state, tasks = run(fail=(failing,))
    assert state == "failed"
    assert {tasks[task_id] for task_id in TEARDOWNS} == {"success"}


@pytest.mark.parametrize("failing", ["preflight", "plan_shards", "scan", "plan_changes"])
def test_a_failure_before_anything_exists_needs_no_teardown_and_fails_the_run(run: Run, failing: str) -> None:
    state, tasks = run(fail=(failing,))
    assert state == "failed"
    assert not {"success", "failed"} & {tasks[task_id] for task_id in (*ENCODER, *TEARDOWNS)}
    assert tasks["receipt"] == "failed"


@pytest.mark.parametrize("failing", TEARDOWNS)
def test_a_failed_teardown_is_seen_and_stops_neither_the_others_nor_the_promotion(run: Run, failing: str) -> None:
    state, tasks = run(fail=(failing,))
    assert state == "failed"
    assert {tasks[task_id] for task_id in TEARDOWNS if task_id != failing} == {"success"}
    assert tasks["promote"] == "success"
    assert tasks["receipt"] == "success"


def test_an_empty_index_list_cannot_pass_for_a_promotion(run: Run) -> None:
    state, tasks = run(lists=LISTS | {"prepare_candidate": 0})
    assert tasks["promote"] == "skipped"
    assert state == "failed"


def test_a_failed_receipt_fails_the_run(run: Run) -> None:
    state, tasks = run(fail=("receipt",))
    assert state == "failed"
    assert tasks["promote"] == "success"
