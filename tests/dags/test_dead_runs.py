"""What cannot be proven dead is live: only then may preflight leave other builds' models alone by default."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import DagRunStateResult, ErrorResponse

from opensearch_ml.dead_runs import is_live
from opensearch_ml.operators.corpus import workers_share_files
from sparse_index.store import Store


def context(state: str | None) -> dict:
    def get_dagrun_state(dag_id: str, run_id: str) -> str:
        if state is None:
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR))
        return DagRunStateResult(state=state).state

    return {"ti": SimpleNamespace(dag_id="sparse_index__tickets", get_dagrun_state=get_dagrun_state)}


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    store = Store(str(tmp_path))
    store.write_bytes("tickets/builds/b1/plan.json", b"{}")
    plan = SimpleNamespace(request=SimpleNamespace(run_id="r1"))
    monkeypatch.setattr("sparse_index.plan.model.load_plan", lambda store, path: plan)
    return store


@pytest.mark.parametrize(
    ("state", "live"), [("running", True), ("queued", True), ("success", False), ("failed", False)]
)
def test_a_build_lives_as_long_as_its_run(store, state, live) -> None:
    assert is_live(context(state), store, "tickets", "b1") is live


def test_a_run_that_airflow_does_not_know_may_be_somebody_else_s(store) -> None:
    assert is_live(context(None), store, "tickets", "b1") is True


def test_a_build_without_a_plan_cannot_be_proven_dead(store) -> None:
    assert is_live(context("failed"), store, "tickets", "b2") is True


@pytest.mark.parametrize(
    ("executors", "shared"),
    [
        ("LocalExecutor", True),
        ("CeleryExecutor", False),
        ("LocalExecutor,CeleryExecutor", False),
        ("airflow.executors.local_executor.LocalExecutor", True),
        ("big:my.company.RemoteExecutor", False),
    ],
)
def test_only_local_executors_share_a_folder(executors, shared) -> None:
    assert workers_share_files(executors) is shared
