"""Only a run that Airflow says has ended is dead: silence, a run it does not know, and an odd plan prove nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from airflow.sdk.api.client import ServerResponseError
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from build_plans import corpus_config
from opensearch_ml.dag_names import FORGET_DAG, JANITOR_DAG, REDRIVE_DAG, ROLLBACK_DAG
from opensearch_ml.operators.corpus import workers_share_files
from opensearch_ml.operators.household import Household
from opensearch_ml.runs import AirflowRuns, Home, goes_on, homes_of
from sparse_index.config.neighbours import Neighbours
from sparse_index.store.files import Store

DAG_ID = "sparse_index__tickets"
PLAN = "tickets/builds/b1/plan.json"


def from_worker(status: int | None) -> Exception:
    return AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": status}))


def from_dag_test(status: int) -> Exception:
    request = httpx.Request("GET", "http://airflow")
    return ServerResponseError("no", request=request, response=httpx.Response(status, request=request))


class Ti:
    """Airflow's answers about runs: a state for the run `r1`, or an error; and how many runs of a DAG are at work."""

    def __init__(self, answer: str | Exception, **running: int) -> None:
        self.answer, self.running = answer, running

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        assert (dag_id, run_id) == (DAG_ID, "r1")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def get_dr_count(self, dag_id: str, states: list[str]) -> int:
        assert states == ["running"]
        return self.running.get(dag_id, 0)


def context(answer: str | Exception, **running: int) -> dict[str, Any]:
    return {"ti": Ti(answer, **running)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path))
    store.write_json(PLAN, {"request": {"run_id": "r1"}})
    return store


@pytest.mark.parametrize(
    ("state", "live"), [("running", True), ("queued", True), ("success", False), ("failed", False)]
)
def test_a_build_lives_as_long_as_its_run(store: Store, state: str, live: bool) -> None:
    assert goes_on(context(state), store, DAG_ID, "tickets", "b1") is live


@pytest.mark.parametrize("error", [from_worker(404), from_dag_test(404)])
def test_a_run_that_airflow_does_not_know_may_be_somebody_else_s(store: Store, error: Exception) -> None:
    assert goes_on(context(error), store, DAG_ID, "tickets", "b1") is None


@pytest.mark.parametrize("error", [from_worker(500), from_worker(None), from_dag_test(503)])
def test_an_airflow_that_does_not_answer_has_not_said_that_a_run_ended(store: Store, error: Exception) -> None:
    with pytest.raises(type(error)):
        goes_on(context(error), store, DAG_ID, "tickets", "b1")


@pytest.mark.parametrize("plan", [None, {}, {"request": None}, ["odd"]])
def test_a_build_whose_plan_names_no_run_is_nobody_s(store: Store, plan: object) -> None:
    store.write_json(PLAN, plan)
    assert goes_on(context("failed"), store, DAG_ID, "tickets", "b1") is None
    assert goes_on(context("failed"), store, DAG_ID, "tickets", "without-a-plan") is None
    store.write_json("a-file", {})
    assert goes_on(context("failed"), Store(store.full("a-file")), DAG_ID, "tickets", "b1") is None


@pytest.mark.parametrize(
    ("running", "busy"), [({}, False), ({DAG_ID: 2}, True), ({"rollback": 1}, True), ({"sparse_index__news": 1}, False)]
)
def test_a_corpus_is_busy_with_its_own_runs_and_with_a_rollback(
    store: Store, running: dict[str, int], busy: bool
) -> None:
    runs = AirflowRuns(context("failed", **running), {"tickets": Home(DAG_ID, store.full(""))}, ("rollback",))
    assert runs.is_running("tickets") is busy
    assert runs.goes_on("tickets", "b1") is False


def test_a_build_is_looked_for_in_its_own_corpus_s_store(store: Store) -> None:
    """Who cleans one store asks about the builds of another, which may need the same shared model."""
    configs = {name: corpus_config(name, store=place) for name, place in (("tickets", store.full("")), ("news", "/no"))}
    runs = AirflowRuns(context("running"), homes_of(configs))
    assert runs.goes_on("tickets", "b1") is True
    assert runs.goes_on("news", "b1") is None


@pytest.mark.parametrize(
    ("executors", "shared"),
    [
        ("LocalExecutor", True),
        ("CeleryExecutor", False),
        ("LocalExecutor,CeleryExecutor", False),
        ("airflow.executors.local_executor.LocalExecutor", True),
        ("big:my.company.RemoteExecutor", False),
        ("small: LocalExecutor;team1=near:LocalExecutor", True),
        ("CeleryExecutor;team1=LocalExecutor", False),
        ("CeleryExecutor;team1=a.b.LocalExecutor", False),
        ("LocalExecutor;team1=LocalExecutor,CeleryExecutor", False),
    ],
)
def test_only_local_executors_share_a_folder(executors: str, shared: bool) -> None:
    assert workers_share_files(executors) is shared


def test_what_a_pod_reads_as_its_executor_is_not_airflow_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pod templates of the Helm chart name LocalExecutor."""
    monkeypatch.setenv("AIRFLOW_IS_K8S_EXECUTOR_POD", "True")
    assert workers_share_files("LocalExecutor") is False


def test_forgetting_waits_for_a_redrive_and_the_janitor_for_its_corpus_alone() -> None:
    household = Household({}, {}, {}, Neighbours())
    forget, janitor = ({"ti": SimpleNamespace(dag_id=dag)} for dag in (FORGET_DAG, JANITOR_DAG))
    assert household.runs(forget, REDRIVE_DAG).beside == (ROLLBACK_DAG, JANITOR_DAG, REDRIVE_DAG)
    assert household.runs(janitor).beside == (ROLLBACK_DAG, FORGET_DAG)
