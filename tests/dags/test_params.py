"""What the trigger form and the kind of run mean to the core."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from opensearch_ml import operators as op
from opensearch_ml.params import data_date, require_answers_taken, run_request, trigger_form
from sparse_index.builds.request import RunRequest
from sparse_index.errors import ConfigError

LOGICAL = datetime(2026, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "partition_key", "expected"),
    [
        ("2026-01-02", "2026-02-03", date(2026, 1, 2)),
        (None, "2026-02-03", date(2026, 2, 3)),
        (None, "2026-02-03T00:00:00", date(2026, 2, 3)),
        (None, None, date(2026, 3, 4)),
    ],
)
def test_the_data_date_is_resolved_once(asked: str | None, partition_key: str | None, expected: date) -> None:
    assert data_date(asked, partition_key, LOGICAL) == expected


@pytest.mark.parametrize(
    ("asked", "partition_key", "said"),
    [(None, "eu-west", "partition key 'eu-west'"), ("2026-13-01", None, "Data date '2026-13-01'")],
)
def test_what_is_no_date_is_said_with_what_to_do(asked: str | None, partition_key: str | None, said: str) -> None:
    with pytest.raises(ConfigError, match=f"{said} begins with no date.*yyyy-mm-dd"):
        data_date(asked, partition_key, LOGICAL)


def requested(logical_date: datetime | None, run_after: datetime, **answers: Any) -> RunRequest:
    params = {name: param.value for name, param in trigger_form().items()} | answers
    run = SimpleNamespace(partition_key=None, logical_date=logical_date, run_after=run_after)
    return run_request({"params": params, "dag_run": run, "run_id": "manual__1"})


def test_a_run_without_any_date_stands_for_the_day_it_was_started() -> None:
    """Whatever the clock says by then: each task of the run asks anew, also after midnight and after a clear."""
    assert requested(None, LOGICAL).data_date == date(2026, 3, 4)


def test_the_form_becomes_a_request() -> None:
    request = requested(LOGICAL, LOGICAL + timedelta(days=1), mode="full", row_limit=5)
    assert request.model_dump(mode="json") == {
        "run_id": "manual__1",
        "data_date": "2026-03-04",
        "mode": "full",
        "row_limit": 5,
        "force_older_date": False,
        "accept_mass_change": False,
        "accept_undecided": None,
        "probe": True,
    }


def triggered(conf: dict[str, Any] | None, **taken: Any) -> dict[str, Any]:
    """With what Airflow took of it."""
    form = trigger_form()
    params = {name: param.value for name, param in form.items()} | taken
    return {"params": params, "dag": SimpleNamespace(params=form), "dag_run": SimpleNamespace(conf=conf)}


@pytest.mark.parametrize(
    "conf", [None, {}, {"openlineage": {"parentRunId": "1"}, "airflow/task_span_detail_level": 2}, {"mode": "full"}]
)
def test_a_run_that_gets_what_it_was_triggered_with_goes_on(conf: dict[str, Any] | None) -> None:
    require_answers_taken(triggered(conf, mode="full"))


@pytest.mark.parametrize("key", ["plan_only", "row-limit"])
def test_a_key_that_the_form_does_not_have_is_named_with_those_that_it_has(key: str) -> None:
    """Airflow takes it, and it would do nothing: the run would build and promote."""
    with pytest.raises(
        ConfigError, match=f"with {key}, which this DAG does not ask for. .* mode, data_date, row_limit"
    ):
        require_answers_taken(triggered({key: True}, **{key: True}))


def test_an_airflow_that_ignores_the_form_is_named_with_its_setting() -> None:
    with pytest.raises(ConfigError, match=r"\(mode\), because of \[core\] dag_run_conf_overrides_params = False"):
        require_answers_taken(triggered({"mode": "plan_only", "row_limit": None}))


@pytest.mark.parametrize(
    "first",
    [
        op.PreflightOperator,
        op.SelectLettersOperator,
        op.ChooseTargetOperator,
        op.ForgetLookOperator,
        op.JanitorLookOperator,
    ],
)
def test_the_first_task_of_every_form_asks_before_it_does_anything(first: Any) -> None:
    with pytest.raises(ConfigError, match="does not ask for"):
        first.work(object.__new__(first), None, triggered({"plan_only": True}))


def test_the_form_offers_every_mode_of_the_core() -> None:
    from sparse_index.builds.request import Mode

    assert trigger_form()["mode"].schema["enum"] == [mode.value for mode in Mode]
