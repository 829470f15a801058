"""A run that takes too long: the deadline that its DAG has, and what the triggerer tells when it is missed."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, DeadlineAlert, DeadlineReference  # type: ignore[attr-defined]

from dag_help import load_dags, store_dags
from opensearch_ml.late import tell_late
from told import TOLD

LATE = """
late_after_minutes: 90
owner: Ada
alerts:
  - {notifier: told.Keeps, arguments: {to: "#news"}}
"""
RUN = {"dag_id": "sparse_index__overdue", "dag_run_id": "r1", "state": "running", "run_type": "scheduled"}


@pytest.fixture
def late(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]]) -> DAG:
    monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(tmp_path))
    news = (root / "include" / "corpora" / "news.yaml").read_text()
    (tmp_path / "overdue.yaml").write_text(
        "".join(line for line in news.splitlines(True) if not line.startswith("owner:")) + LATE
    )
    shutil.copy(root / "include" / "corpora" / "tickets.yaml", tmp_path / "second.yaml")
    return load_dags()["sparse_index__overdue"]


def missed(dag: DAG, **run: Any) -> None:
    """As the triggerer does: what the deadline carries, and what the scheduler knows of the run."""
    (alert,) = dag.deadline  # type: ignore[misc]
    asyncio.run(tell_late(**alert.callback.kwargs, context={"dag_run": RUN | run}))


def test_the_deadline_counts_from_the_queue_time(late: DAG) -> None:
    (alert,) = late.deadline  # type: ignore[misc]
    assert isinstance(alert, DeadlineAlert)
    assert (alert.reference, alert.interval) == (DeadlineReference.DAGRUN_QUEUED_AT, 90 * 60)
    assert alert.callback.path == "opensearch_ml.late.tell_late"
    assert not load_dags()["sparse_index__second"].deadline


def test_it_comes_back_from_the_database_as_it_was(late: DAG) -> None:
    from airflow.serialization.decoders import decode_deadline_alert
    from airflow.serialization.encoders import encode_deadline_alert

    (alert,) = late.deadline  # type: ignore[misc]
    again = decode_deadline_alert(json.loads(json.dumps(encode_deadline_alert(alert))))
    assert again.interval == timedelta(minutes=90)
    assert again.callback.kwargs == alert.callback.kwargs
    assert again.callback.kwargs["reader"]["owner"] == "Ada"


@pytest.mark.parametrize("notifier", ["Keeps", "Awaits"])
def test_a_run_that_still_goes_on_is_told_of_by_a_notifier_of_either_kind(
    late: DAG, tmp_path: Path, notifier: str
) -> None:
    corpus = tmp_path / "overdue.yaml"
    corpus.write_text(corpus.read_text().replace("told.Keeps", f"told.{notifier}"))
    missed(late)
    (told,) = TOLD
    assert (told["kind"], told["to"]) == ("late", "#news")
    assert told["text"].splitlines() == [
        "sparse_index__overdue is late (run r1)",
        "It is running, 90 minutes after it was queued. Nothing was stopped.",
        "Run: http://localhost:8080/sparse-index/runs/sparse_index__overdue/r1",
        "Owner: Ada",
    ]


@pytest.mark.parametrize("run", [{"state": "success"}, {"state": "failed"}, {"run_type": "backfill"}])
def test_one_that_has_ended_and_a_backfill_that_waited_are_passed_over(late: DAG, run: dict[str, str]) -> None:
    missed(late, **run)
    assert TOLD == []


def test_without_the_corpus_file_the_deployment_is_told_and_the_log_says_who_is_not(
    late: DAG, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(tmp_path / "elsewhere"))
    monkeypatch.setenv(
        "SPARSE_INDEX_ALERTS", '[{"notifier": "told.Fails"}, {"notifier": "told.Keeps", "arguments": {"to": "all"}}]'
    )
    with caplog.at_level(logging.ERROR, "opensearch_ml.late"):
        missed(late)
    assert [one["to"] for one in TOLD] == ["all"]
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "Whom the file of 'overdue' names is not told that it is late: the triggerer cannot read it." in said
    assert "was not sent by told.Fails: ConnectionError" in said


@pytest.mark.usefixtures("late", "metadata_database")
def test_a_run_with_a_deadline_is_cleared_and_the_deadline_counts_anew() -> None:
    """Airflow 3.3.2 fails at it where the interval is a `timedelta`."""
    from airflow.models.taskinstance import clear_task_instances
    from airflow.utils.session import create_session

    store_dags()
    earlier = datetime.now(UTC) - timedelta(minutes=80)
    with create_session() as session:
        run = queued_run(session, earlier)
        session.flush()
        session.refresh(run)
        (deadline,) = run.deadlines
        assert deadline.deadline_time == run.queued_at + timedelta(minutes=90)
        clear_task_instances(run.get_task_instances(session=session), session)
        assert run.queued_at > earlier
        assert deadline.deadline_time == run.queued_at + timedelta(minutes=90)
        session.rollback()


def queued_run(session: Any, at: datetime) -> Any:
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    saved = SerializedDagModel.get("sparse_index__overdue", session=session)
    assert saved is not None
    return saved.dag.create_dagrun(
        run_id="late",
        logical_date=at,
        run_after=at,
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.QUEUED,
        session=session,
    )
