"""Rollback, redrive and janitor as an operator triggers them, on a real OpenSearch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from build_plans import complete_candidate, corpus_config, make_plan
from opensearch_ml.operators.redrive import RunEndSensor
from real_day import ROWS, RealDay
from sparse_index.builds.sign_of_life import sign_of_life
from sparse_index.console.generations import records
from sparse_index.live.meta import read_meta
from sparse_index.ml.groups import create_group
from sparse_index.names import REDRIVES, new_build_id
from sparse_index.store.files import Store
from sparse_index.store.layout import build_folder

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("metadata_database")]

LESS = ROWS - 10


def documents(day: RealDay) -> int:
    return int(day.cluster.get(f"/{day.alias}/_count")["count"])


def test_back_to_the_former_index_and_forward_again_by_the_next_run(day: RealDay) -> None:
    day.run()
    former = day.live()
    day.write_rows(LESS)
    day.run()
    bad = day.live()
    assert bad is not None
    assert documents(day) == LESS

    unknown = day.operate("rollback", generation="nothing-like-it")
    assert (unknown.state, unknown.tasks["choose_target"]) == ("failed", "failed")
    assert f"has no generation 'nothing-like-it' to go back to; live is {bad}" in unknown.said["choose_target"]
    assert f"Generations: {former} (data of " in unknown.said["choose_target"]
    assert day.live() == bad

    at_work, store = new_build_id(datetime.now(UTC), "abc"), Store(day.config["store"])
    with sign_of_life(store, build_folder(day.alias, at_work)):
        beside = day.operate("rollback")
    assert f"Build {at_work} of '{day.alias}' is at work" in beside.said["choose_target"]
    assert day.live() == bad

    back = day.operate("rollback", replicas_follow=True)
    assert back.state == "success", back.said
    assert back.xcoms["choose_target"]["replicas_follow"] is True
    assert (day.live(), documents(day)) == (former, ROWS)
    done = back.xcoms["roll_back"]
    assert f"'{day.alias}' is on {former} (data of " in done["summary"]
    assert done.items() <= store.read_json(done["record"]).items()
    assert (done["former"], done["run_id"]) == (bad, back.run_id)
    withdrawn = read_meta(day.cluster, bad)
    assert withdrawn is not None
    assert withdrawn.withdrawn_at is not None

    again = day.operate("rollback")
    assert "has no previous generation to go back to" in again.said["choose_target"]
    assert f"{bad} (data of " in again.said["choose_target"]
    assert "withdrawn by a rollback" in again.said["choose_target"]

    forward = day.run()
    assert forward.state == "success", forward.said
    assert forward.tasks["encode"] == "skipped"
    assert documents(day) == LESS
    assert day.live() not in (former, bad)
    assert day.left_behind()["candidates"] == [former], "the withdrawn one is the first to go"


def test_documents_are_forgotten_and_the_next_run_does_not_miss_them(day: RealDay) -> None:
    """Here Lucene is not waited for, which lets go of what was deleted half a minute later: tests/integration/test_forget.py."""
    day.monkeypatch.setattr("sparse_index.index.removal.EXPUNGE_DEADLINE_S", 0.0)
    day.run()
    table = pq.read_table(day.folder / "corpus.parquet")
    ids = table.column("id").to_pylist()[:3]
    (day.folder / "ids.txt").write_text("\n".join([*map(str, ids), "nobody"]))
    other = day.config | {"alias": f"{day.alias}-other"}
    (day.folder / "corpora" / "other.yaml").write_text(yaml.safe_dump(other))

    daily = run_now_running("sparse_index__day")
    refused = day.operate("forget", ids=str(day.folder / "ids.txt"))
    assert (refused.state, refused.tasks["look"]) == ("failed", "failed")
    assert f"'{day.alias}' has a run now" in refused.said["look"]
    daily("success")

    done = day.operate("forget", ids=str(day.folder / "ids.txt"))
    assert done.state == "success", done.said
    said = done.xcoms["forget"]
    assert (said["ids"], said["not_there"], said["documents"]) == (4, 1, {day.live(): 3})
    assert said.items() <= Store(day.config["store"]).read_json(said["record"]).items()
    assert documents(day) == ROWS - 3

    pq.write_table(table.slice(3), day.folder / "corpus.parquet", row_group_size=50)
    following = day.run()
    assert following.state == "success", following.said
    assert following.tasks["promote"] == "skipped", "nothing has changed for it"


def run_now_running(dag_id: str) -> Callable[[str], None]:
    """The DAG's newest run goes on, until it is given another state."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    def become(state: str) -> None:
        with create_session() as session:
            newest = session.query(DagRun).filter_by(dag_id=dag_id).order_by(DagRun.id.desc()).limit(1).one()
            session.query(DagRun).filter_by(id=newest.id).update({"_state": state})

    become("running")
    return become


def set_state(dag_id: str, run_id: str, task_id: str, state: str | None) -> None:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        query = session.query(TaskInstance).filter_by(dag_id=dag_id, run_id=run_id, task_id=task_id)
        query.update({"state": state})


def test_no_rollback_between_the_turn_and_the_last_deletion_of_a_daily_run(day: RealDay) -> None:
    day.write_config()
    never_ran = day.operate("rollback")
    assert (
        "has no previous generation to go back to; live is no index. Generations: none"
        in never_ran.said["choose_target"]
    )
    daily = day.run(mode="plan_only")
    for retire in (None, "up_for_retry"):
        set_state("sparse_index__day", daily.run_id, "retire", retire)
        refused = day.operate("rollback")
        assert refused.tasks["choose_target"] == "failed"
        assert f"Run {daily.run_id} of sparse_index__day is building an index" in refused.said["choose_target"]
    set_state("sparse_index__day", daily.run_id, "retire", "failed")
    assert "no previous generation" in day.operate("rollback").said["choose_target"]


@pytest.fixture
def triggered_runs_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of a scheduler: the run that `TriggerDagRunOperator` made in the database is run while it is waited for."""
    from airflow.models import dagrun
    from airflow.utils.session import create_session

    from dag_help import load_dags

    def run(dag_id: str, run_id: str) -> None:
        def existing(*, dag: Any, session: Any, **_: Any) -> Any:
            found = session.query(dagrun.DagRun).filter_by(dag_id=dag_id, run_id=run_id).one()
            found.dag, found.state = dag, "running"
            found.verify_integrity(session=session, dag_version_id=found.created_dag_version_id)
            session.commit()
            return found

        with monkeypatch.context() as patch:
            patch.setattr(dagrun, "get_or_create_dagrun", existing)
            load_dags()[dag_id].test()

    look = RunEndSensor.poke

    def poke(self: RunEndSensor, context: Any) -> bool:
        with create_session() as session:
            assert session.query(dagrun.DagRun).filter_by(run_id=self.of_run).one().state == "queued"
        run(self.of_dag, self.of_run)
        return look(self, context)

    monkeypatch.setattr(RunEndSensor, "poke", poke)


def write_addressed(day: RealDay, of_row_7: str) -> None:
    """The corpus with a column of addresses."""
    day.write_rows(ROWS)
    table = pq.read_table(day.folder / "corpus.parquet")
    addresses = [of_row_7 if row == 7 else f"10.0.0.{row}" for row in range(ROWS)]
    pq.write_table(table.append_column("address", pa.array(addresses)), day.folder / "corpus.parquet")


def unpause(dag_id: str) -> None:
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.query(DagModel).filter_by(dag_id=dag_id).update({"is_paused": False})


@pytest.mark.usefixtures("triggered_runs_run")
def test_a_corrected_document_is_redriven_by_an_ordinary_run(day: RealDay) -> None:
    day.config["index"] |= {"fields": {"address": {"type": "ip"}}}
    write_addressed(day, "at the corner")
    first = day.run()
    assert first.state == "success", first.said
    assert documents(day) == ROWS - 1

    write_addressed(day, "10.0.0.7")
    assert day.operate("redrive").tasks["run_corpus"] == "failed", "the daily DAG is paused: its run would never begin"
    unpause("sparse_index__day")
    done = day.operate("redrive")
    assert done.state == "success", done.said
    assert documents(day) == ROWS
    assert done.xcoms["select_letters"]["letters"] == 1
    assert (
        "1 are live, 0 are no longer in the corpus, 0 were rejected again." in done.xcoms["settle_letters"]["summary"]
    )

    (record,) = records(Store(day.config["store"]), day.alias).shown
    assert record.summary == done.xcoms["settle_letters"]["summary"]
    assert record.run_id == f"{REDRIVES}{done.run_id}"

    nothing = day.operate("redrive")
    assert nothing.state == "success"
    assert set(nothing.tasks.values()) == {"skipped"}


def leftover(day: RealDay, run_id: str, build_id: str) -> str:
    """What a build of last year left: a candidate, a model group and files; gives the folder of the files."""
    plan = make_plan(corpus_config(day.alias, day.config["store"]), build_id=build_id)
    complete_candidate(day.cluster, plan)
    create_group(day.cluster, plan.group, "test")
    store = Store(day.config["store"])
    store.write_json(f"{plan.folder}/plan.json", {"request": {"run_id": run_id}, "fingerprint": plan.fingerprint})
    store.write_json(f"{plan.folder}/reports/encode-00000.json", {})
    return plan.folder


def test_the_janitor_says_first_and_does_then(day: RealDay, told: list[dict[str, Any]]) -> None:
    day.config |= {"stale_after_hours": 1, "alerts": [{"notifier": "told.Keeps", "arguments": {"to": "#day"}}]}
    daily = day.run()
    store = Store(day.config["store"])
    ended = leftover(day, daily.run_id, "20250101T000000-abcdef")
    unknown = leftover(day, "a-run-of-nobody", "20250102T000000-abcdef")
    (day.folder / "corpora" / "broken.yaml").write_text("alias: broken\nstore: /tmp")
    store.write_json("broken/builds/20250101T000000-abcdef/receipt.json", {})
    before = (day.left_behind(), set(store.files("")))

    dry = day.operate("janitor")
    assert (dry.state, dry.tasks) == ("failed", {"look": "success", "clean": "failed"})
    assert "3 thing(s) could not be looked at or proven dead (a dry run):" in dry.said["clean"]
    (found,) = dry.xcoms["look"]
    assert (found["actions"], found["unproven"]) == (2, 3), store.read_json(found["report"])
    assert (day.left_behind(), set(store.files("")) - {found["report"]}) == before
    (stale,) = told
    assert (stale["kind"], stale["text"].splitlines()[0]) == ("stale", "Search index 'day' shows old data")
    assert f"'{day.alias}' shows the data of " in stale["text"]

    real = day.operate("janitor", dry_run=False)
    assert (real.state, real.tasks["look"], real.tasks["clean"]) == ("failed", "success", "failed")
    assert "3 thing(s) could not be tidied up or proven dead; all else was:" in real.said["clean"]
    assert "build 20250102T000000-abcdef has no receipt and nobody knows its run" in real.said["clean"]
    left = day.left_behind()
    assert left["groups"] == [f"sparse-index--{day.alias}--b20250102T000000-abcdef"]
    assert left["candidates"] == [f"{day.alias}--b20250102t000000-abcdef"]
    assert store.files(ended), "its index was there when the janitor looked"
    assert len(store.files(unknown)) == 2
    assert store.exists("broken/builds/20250101T000000-abcdef/receipt.json")
    assert documents(day) == ROWS

    elsewhere = day.config | {"alias": "elsewhere", "store": "nosuch://store"}
    (day.folder / "corpora" / "elsewhere.yaml").write_text(yaml.safe_dump(elsewhere))
    day.config |= {"connection": "nowhere"}
    day.write_config()
    nowhere = day.operate("janitor", dry_run=False)
    assert "Store nosuch://store: it could not be looked at: " in nowhere.said["clean"]
    assert "connection 'nowhere' cannot be opened" in nowhere.said["clean"]
    assert store.files(ended), "nothing goes of a corpus whose cluster nobody can ask"

    day.config |= {"connection": "opensearch_default"}
    day.write_config()
    day.operate("janitor", dry_run=False)
    assert store.files(ended) == []
    assert len(store.files(unknown)) == 2
