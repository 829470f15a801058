"""What a person reads in the log of a task: our sentences, and not what the client says of each request."""

from __future__ import annotations

import logging
import re
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowRuntimeError,
    AirflowSkipException,
    AirflowTaskTimeout,
    DownstreamTasksSkipped,
    ErrorType,
)
from airflow.sdk.execution_time.comms import ErrorResponse
from airflow.sdk.execution_time.timeout import TimeoutPosix

from opensearch_ml import factory
from opensearch_ml.client_log import CLIENT, keep_requests_out
from opensearch_ml.failures import ERROR_KEY, LONGEST_SAID, retried_only_if_useful
from opensearch_ml.progress import AGAIN_AFTER_S, LINE_EVERY_S, STATE_KEY, show_progress
from sparse_index.errors import BuildError, UnavailableError
from sparse_index.progress import Progress, ProgressMeter


@pytest.fixture
def client() -> Iterator[logging.Logger]:
    """The client's logger, without a level, as it is before anybody has said anything."""
    logger = logging.getLogger(CLIENT)
    before = logger.level
    logger.setLevel(logging.NOTSET)
    yield logger
    logger.setLevel(before)


@pytest.fixture
def airflows_level() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.INFO)
    yield root
    root.setLevel(before)


@pytest.mark.usefixtures("airflows_level")
def test_requests_and_expected_answers_of_404_are_not_logged(client: logging.Logger) -> None:
    assert client.isEnabledFor(logging.INFO)
    keep_requests_out()
    assert not client.isEnabledFor(logging.INFO)
    assert not client.isEnabledFor(logging.WARNING)
    assert client.isEnabledFor(logging.ERROR)


def test_where_airflow_debugs_they_are(client: logging.Logger, airflows_level: logging.Logger) -> None:
    airflows_level.setLevel(logging.DEBUG)
    keep_requests_out()
    assert client.isEnabledFor(logging.DEBUG)


@pytest.mark.usefixtures("airflows_level")
def test_a_level_that_the_deployment_has_set_stays(client: logging.Logger) -> None:
    client.setLevel(logging.INFO)
    keep_requests_out()
    assert client.level == logging.INFO


@pytest.mark.usefixtures("airflows_level")
def test_a_level_that_the_deployment_has_set_in_airflow_s_own_way_stays(
    client: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__LOGGING__NAMESPACE_LEVELS", "sqlalchemy=WARN, opensearch=INFO")
    keep_requests_out()
    assert client.level == logging.NOTSET


def refused() -> None:
    try:
        raise OSError("the socket's own words")
    except OSError as error:
        raise BuildError("The gate refuses b1.\nThe live index stays.") from error


def test_a_failed_task_says_its_sentences_before_it_raises_and_shows_one_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pushed: dict[str, str] = {}
    context: dict[str, Any] = {"ti": SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))}
    with pytest.raises(AirflowFailException) as caught, retried_only_if_useful(context):
        refused()
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == ["The gate refuses b1.", "The live index stays."]
    assert pushed == {ERROR_KEY: "The gate refuses b1.\nThe live index stays."}
    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("Traceback (most recent call last)") == 1
    assert "in refused" in shown, "it begins where the error was raised"


def test_what_may_pass_is_said_too_and_left_to_airflow_s_retries(caplog: pytest.LogCaptureFixture) -> None:
    context: dict[str, Any] = {"ti": SimpleNamespace(xcom_push=lambda key, value: None)}
    with pytest.raises(UnavailableError), retried_only_if_useful(context):
        raise UnavailableError("no answer from the cluster")
    assert [record.getMessage() for record in caplog.records] == ["no answer from the cluster"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("id"), "KeyError: 'id'. Its log has the traceback."),
        (AirflowFailException("somebody else's word"), "AirflowFailException: somebody else's word."),
        (RuntimeError("x" * 5_000), f"RuntimeError: {'x' * LONGEST_SAID}. "),
    ],
)
def test_what_is_no_error_of_ours_leaves_a_reason_too(error: BaseException, said: str) -> None:
    pushed: dict[str, str] = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))
    with pytest.raises(type(error)) as caught, retried_only_if_useful({"ti": ti}):
        raise error
    assert caught.value is error
    assert pushed[ERROR_KEY].startswith(said)


def test_a_task_that_is_ended_by_its_time_leaves_a_reason() -> None:
    pushed: dict[str, str] = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))
    context: dict[str, Any] = {"ti": ti, "task": SimpleNamespace(execution_timeout=timedelta(seconds=0.05))}
    ended = TimeoutPosix(0.05)  # type: ignore[no-untyped-call]
    with pytest.raises(AirflowTaskTimeout), ended, retried_only_if_useful(context):
        time.sleep(60)
    assert pushed[ERROR_KEY].startswith("It took longer than its execution_timeout, 0:00:00.050000, and was ended.")
    named = re.findall(r"[A-Z]{2,}_[A-Z]+", pushed[ERROR_KEY])
    assert named
    assert all("execution_timeout" in getattr(factory, name) for name in named), "where the time stands"


def test_an_airflow_that_takes_no_reason_changes_nothing_of_how_the_task_ends() -> None:
    def refuse(key: str, value: str) -> None:
        raise ConnectionError("no answer")

    with (
        pytest.raises(AirflowFailException, match="the gate refuses"),
        retried_only_if_useful({"ti": SimpleNamespace(xcom_push=refuse)}),
    ):
        raise BuildError("the gate refuses")


COMES_AGAIN = AirflowRescheduleException(datetime.now(UTC))  # type: ignore[no-untyped-call]
SKIPS = DownstreamTasksSkipped(tasks=["promote"])  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("how", [AirflowSkipException("nothing to do"), SKIPS, COMES_AGAIN])
def test_a_task_that_skips_itself_or_comes_again_has_not_failed(how: Exception) -> None:
    with pytest.raises(type(how)), retried_only_if_useful({}):
        raise how


def test_progress_is_kept_at_once_and_said_every_ten_seconds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "opensearch_ml.progress")
    kept: list[Any] = []
    now = 0.0
    store = SimpleNamespace(set=lambda key, value: kept.append((key, value["done"])))
    show = show_progress({"task_state_store": store}, lambda: now)
    for now in (1.0, 6.0, 1.0 + LINE_EVERY_S, 16.0, 20.0):
        show(Progress("encode", int(now), 20, 1.0, 20 - now, "texts"))
    assert kept == [(STATE_KEY, done) for done in (1, 6, 11, 16, 20)]
    said = [record.getMessage().split(" of")[0] for record in caplog.records]
    assert said == ["encode: 1", "encode: 11"], "the task's own sentence is its last"


def test_a_progress_that_airflow_does_not_take_ends_no_work(caplog: pytest.LogCaptureFixture) -> None:
    """Each try may take as long as Airflow's client goes on trying: until the next one, the work has some minutes."""
    asked: list[int] = []
    at = SimpleNamespace(now=0.0)

    def refuse(key: str, value: Any) -> None:
        asked.append(value["done"])
        raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR))

    show = show_progress({"task_state_store": SimpleNamespace(set=refuse)}, lambda: at.now)
    meter = ProgressMeter("index", 1000, show, unit="documents", clock=lambda: at.now)
    for at.now in (5.0, 10.0, 5.0 + AGAIN_AFTER_S):
        meter.add(1)
    assert asked == [1, 3]
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == 2
    assert "only this log shows it (AirflowRuntimeError: API_SERVER_ERROR" in said[0]
