"""The word of a person in runs of the real DAG: not given in time, given by the wrong one, no, and yes.

Other runs, where nothing is in doubt, ask nobody: test_real_runs.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from real_day import Day, RealDay
from sparse_index.relevance.golden import GoldenQuery, write_queries

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("metadata_database")]
JUDGED = 12


@pytest.fixture
def doubtful(day: RealDay) -> RealDay:
    """Its first build is in doubt: BM25 finds words that the model does not know."""
    corpus, golden = day.folder / "corpus.parquet", day.folder / "golden"
    rows = pq.read_table(corpus).to_pylist()
    unknown = {row["id"]: f"zx{number}qk" for number, row in enumerate(rows[:JUDGED])}
    for row in rows:
        row["body"] = f"{row['body']} {unknown.get(row['id'], '')}"
    pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(corpus)), corpus, row_group_size=50)
    write_queries(golden / "queries.jsonl", [GoldenQuery(id=id_, text=word) for id_, word in unknown.items()])
    (golden / "qrels.txt").write_text("".join(f"{id_} 0 {id_} 1\n" for id_ in unknown))
    approval = {"hours": 1.5, "users": ["vera"]}
    day.config["gate"] = {"golden": str(golden), "undecided": "ask", "approval": approval}
    return day


Happens = Callable[[Any, Any], None]


@dataclass
class Person:
    """What happens, and what was asked, when the run has nothing to do but to wait for a person."""

    does: Happens
    asked: list[Any] = field(default_factory=list)

    def look(self) -> None:
        from airflow.models.hitl import HITLDetail
        from airflow.utils.session import create_session

        with create_session() as session:
            for detail in session.query(HITLDetail).all():
                if detail.task_instance.state == "awaiting_input":
                    self.asked.append(SimpleNamespace(subject=detail.subject, body=detail.body))
                    self.does(detail.task_instance, session)


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    """Looks whenever the run sleeps."""
    who, sleep = Person(nobody_answers), time.sleep

    def instead(seconds: float) -> None:
        who.look()
        sleep(0.1 if seconds == 1 else seconds)

    monkeypatch.setattr(time, "sleep", instead)
    return who


def answer(choice: str, user: str = "vera") -> Happens:
    """As the API server takes it from the page of required actions."""

    def happens(ti: Any, session: Any) -> None:
        from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
        from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail

        payload = UpdateHITLDetailPayload(chosen_options=[choice])
        person = SimpleNamespace(get_id=lambda: user, get_name=lambda: user)
        update_hitl_detail(ti.dag_id, ti.run_id, ti.task_id, payload, person, session)  # type: ignore[arg-type]

    return happens


def nobody_answers(ti: Any, session: Any) -> None:
    """The deadline passes, and the scheduler looks."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    left = ti.trigger_timeout - datetime.now(UTC)
    assert timedelta(minutes=80) < left < timedelta(minutes=90), "gate.approval.hours"
    ti.trigger_timeout = datetime.now(UTC) - timedelta(seconds=1)
    session.flush()
    SchedulerJobRunner(job=Job()).check_awaiting_input_timeouts(session=session)  # type: ignore[no-untyped-call]


def somebody_else_tries(ti: Any, session: Any) -> None:
    from fastapi import HTTPException

    with pytest.raises(HTTPException, match="mallory"):
        answer("Approve", "mallory")(ti, session)
    answer("Reject")(ti, session)


def assert_kept_and_red(ended: Day, day: RealDay, said: str) -> None:
    assert ended.state == "failed"
    assert (ended.tasks["approve"], ended.tasks["promote"], ended.tasks["receipt"]) == ("success", "skipped", "failed")
    assert f"The gate was in doubt, and the answer to it: {said}" in ended.said["receipt"]
    left = day.left_behind()
    assert (day.live(), left["models"], left["groups"], len(left["candidates"])) == (None, [], [], 1)


def test_a_doubt_waits_for_one_of_the_corpus_people_and_without_their_word_nothing_goes_live(
    doubtful: RealDay, person: Person, told: list[dict[str, Any]]
) -> None:
    doubtful.config["alerts"] = [{"notifier": "told.Keeps", "arguments": {"to": "vera"}}]
    assert_kept_and_red(doubtful.run(), doubtful, "Reject because nobody answered in time")
    person.does = somebody_else_tries
    assert_kept_and_red(doubtful.run(), doubtful, "Reject by vera")
    person.does = answer("Approve")
    approved = doubtful.run()
    assert approved.state == "success", approved.said
    request = person.asked.pop()
    assert request.subject == f"May '{doubtful.alias}' go to {doubtful.live()}?"
    assert "There is no live index. nDCG@10" in request.body
    assert "this one keeps its turn" in request.body
    assert [one["kind"] for one in told] == ["asked", "failed", "asked", "failed", "asked", "green"]
    assert told[0]["text"].startswith(f"May '{doubtful.alias}' go to ")
