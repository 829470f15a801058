"""A redrive waits for the run that it has started, and for no longer than that run can still end well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException, AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from opensearch_ml.operators.redrive import LONGEST_RUN, RunEndSensor
from opensearch_ml.sensors import LONGEST_TURN

NOT_FOUND = AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 404}))
AWAY = AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 503}))


def looked(state: str | Exception, said: dict[str, str], *, paused: bool = False, days: float = 0.0) -> Any:
    def get_dagrun_state(dag_id: str, run_id: str) -> str:
        assert (dag_id, run_id) == ("sparse_index__day", "redrive__1")
        if isinstance(state, Exception):
            raise state
        return state

    ti = SimpleNamespace(
        get_dagrun_state=get_dagrun_state,
        get_dag=lambda dag_id: SimpleNamespace(is_paused=paused),
        get_first_reschedule_date=lambda context: datetime.now(UTC) - timedelta(days=days),
        xcom_push=lambda key, value: said.update({key: value}),
    )
    sensor = RunEndSensor(task_id="wait_for_run", of_dag="sparse_index__day", of_run="redrive__1")
    return sensor.execute({"ti": ti})


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_run_that_goes_on_is_looked_at_again(state: str) -> None:
    with pytest.raises(AirflowRescheduleException):
        looked(state, {})


@pytest.mark.parametrize("paused", [False, True])
def test_a_run_that_has_ended_well_ends_the_wait(paused: bool) -> None:
    looked("success", {}, paused=paused)


@pytest.mark.parametrize(
    ("state", "about", "reason"),
    [
        ("failed", {}, "failed: its receipt says why"),
        (NOT_FOUND, {}, "is gone. The dead letters stay open"),
        ("queued", {"paused": True}, "is queued, and its DAG is paused: it would never end. Unpause the DAG"),
        ("running", {"days": 61}, "is not over after 60 days. See what it waits for"),
    ],
)
def test_one_that_cannot_end_well_ends_it_with_a_reason(
    state: str | Exception, about: dict[str, Any], reason: str
) -> None:
    said: dict[str, str] = {}
    with pytest.raises(AirflowFailException):
        looked(state, said, **about)
    assert said["error"].startswith(f"Run redrive__1 of sparse_index__day {reason}")


def test_an_airflow_that_does_not_answer_is_asked_again() -> None:
    with pytest.raises(AirflowRuntimeError):
        looked(AWAY, {})


def test_it_is_waited_for_longer_than_a_run_waits_for_its_turn() -> None:
    assert LONGEST_RUN > LONGEST_TURN


@pytest.mark.parametrize(("hours", "seconds"), [(0.9, 20), (1.1, 120)])
def test_after_an_hour_it_looks_less_often(hours: float, seconds: int) -> None:
    before = datetime.now(UTC)
    with pytest.raises(AirflowRescheduleException) as again:
        looked("running", {}, days=hours / 24)
    assert round((again.value.reschedule_date - before).total_seconds()) == seconds
