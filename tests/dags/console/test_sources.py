"""Which corpora there are, read from Airflow's own tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from airflow.dag_processing.collection import update_dag_parsing_results_in_db
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from build_plans import corpus_config
from opensearch_ml.assets import search_index
from opensearch_ml.console.sources import (
    DeclaredCorpora,
    OperationRun,
    period_of,
    plan_of_run,
    problems_in,
    run_goes_on,
    runs_of_operations,
)
from opensearch_ml.dag_names import broken_dag_id, broken_serving_dag_id
from sparse_index.console.listed import FailedRun, Listed


def corpus_dag(name: str, *, kept: bool = True, **config: Any) -> DAG:
    """As the factory makes it, as far as the console reads it; not `kept`: it brings no index up to date."""
    with DAG(f"sparse_index__{name}", tags=["sparse-index"], schedule=None) as dag:
        outlets = [search_index(name, corpus_config(name, "/store", **config))] if kept else []
        EmptyOperator(task_id="plan_changes") >> EmptyOperator(task_id="promote", outlets=outlets)
    return dag


def broken_dag(dag_id: str, name: str) -> DAG:
    return DAG(
        dag_id,
        dag_display_name=f"BROKEN: Search index: {name}",
        description="why",
        schedule=None,
        tags=["sparse-index", "broken"],
    )


def triggered(session: Session, dag_id: str, state: DagRunState) -> DagRun:
    """With its tasks."""
    saved = SerializedDagModel.get_dag(dag_id, session=session)
    assert saved is not None
    return saved.create_dagrun(
        run_id="r1",
        run_after=DAY,
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        state=state,
        session=session,
    )


@pytest.fixture
def parsed(known_dags: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Airflow stores these DAGs as if it had parsed one file with them; in a database where other tests have stored theirs."""
    monkeypatch.setenv("AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL", "0")
    stored: set[str] = set()

    def parse(*dags: DAG) -> None:
        with create_session() as session:
            lazy = [LazyDeserializedDAG.from_dag(dag) for dag in dags]
            update_dag_parsing_results_in_db("console-tests", None, lazy, {}, None, set(), session=session)
        stored.update(dag.dag_id for dag in dags)

    yield parse
    with create_session() as session:
        session.execute(delete(DagRun).where(DagRun.dag_id.in_(stored)))
        for dag in session.scalars(select(DagModel).where(DagModel.dag_id.in_(stored))):
            session.delete(dag)


def found_by(corpora: DeclaredCorpora) -> dict[str, Listed]:
    return {each.corpus: each for each in corpora()}


def test_corpora_are_those_whose_dag_is_there_and_the_broken_ones(parsed: Callable[..., None]) -> None:
    refused = broken_dag(broken_serving_dag_id("notes"), "notes")
    parsed(corpus_dag("notes", owner="newsroom"), broken_dag(broken_dag_id("bad"), "bad"), refused)
    parsed(corpus_dag("both"), broken_dag(broken_dag_id("both"), "both"))
    parsed(corpus_dag("idle", kept=False), corpus_dag("gone"))
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == "sparse_index__gone").values(is_stale=True))
    found = found_by(DeclaredCorpora())
    assert {"notes", "bad"} <= set(found)
    assert not {"gone", "idle"} & set(found)
    notes = found["notes"]
    assert not notes.is_broken, "its serving DAG, that Airflow refuses, is no corpus"
    assert (notes.alias, notes.store, notes.connection, notes.owner) == (
        "notes",
        "/store",
        "opensearch_default",
        "newsroom",
    )
    for name, dag_id, declared in (("bad", broken_dag_id("bad"), False), ("both", "sparse_index__both", True)):
        assert (found[name].dag_id, found[name].broken_dag) == (dag_id, broken_dag_id(name))
        assert (found[name].problems, found[name].is_declared) == (("why",), declared)


def test_what_breaks_is_known_as_it_was_declared_last(parsed: Callable[..., None]) -> None:
    parsed(corpus_dag("notes", owner="newsroom"))
    corpora = DeclaredCorpora()
    before = found_by(corpora)["notes"]
    parsed(broken_dag(broken_dag_id("notes"), "notes"))
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == "sparse_index__notes").values(is_stale=True))
    told = replace(before, problems=("why",), broken_dag=broken_dag_id("notes"))
    for found in (corpora, DeclaredCorpora()):
        assert found_by(found)["notes"] == told
        assert found_by(found)["notes"].is_broken


def test_whatever_is_broken_is_shown(parsed: Callable[..., None]) -> None:
    names = {broken_dag_id("my news"): "my news", "sparse_index_broken_folder__0": "/no/such/folder"}
    parsed(*(broken_dag(dag_id, name) for dag_id, name in names.items()))
    found = {each.dag_id: each.corpus for each in DeclaredCorpora()() if each.is_broken}
    assert {dag_id: found[dag_id] for dag_id in names} == names


DAY = datetime(2026, 11, 1, tzinfo=UTC)


def run_of(dag: str, run_id: str, state: str, hour: int) -> DagRun:
    at = DAY + timedelta(hours=hour)
    run = DagRun(dag_id=dag, run_id=run_id, run_type=DagRunType.MANUAL, state=DagRunState(state), run_after=at)
    run.start_date = at - timedelta(hours=9)
    run.end_date = at
    return run


@pytest.mark.parametrize(
    ("states", "failed"),
    [
        (["success", "failed"], (FailedRun("r1", DAY + timedelta(hours=1)),)),
        (["failed", "success"], ()),
        (["failed", "running"], (FailedRun("r0", DAY),)),
        (["queued"], ()),
    ],
)
def test_a_corpus_whose_newest_run_failed_says_so(
    parsed: Callable[..., None], states: list[str], failed: tuple[FailedRun, ...]
) -> None:
    dag = corpus_dag("notes")
    parsed(dag)
    with create_session() as session:
        session.add_all(run_of(dag.dag_id, f"r{hour}", state, hour) for hour, state in enumerate(states))
    assert found_by(DeclaredCorpora())["notes"].failed == failed


@pytest.mark.parametrize(
    ("later", "stands"),
    [
        (("2", "success", {}), ["1"]),
        (("1", "success", {}), []),
        (("1", "success", {"mode": "plan_only"}), ["1"]),
        (("1", "success", {"row_limit": 5}), ["1"]),
        (("2", "failed", {"row_limit": 5}), ["1"]),
        (("9", "success", {"data_date": "2026-11-01"}), []),
        (("2", "failed", {}), ["2", "1"]),
    ],
)
def test_of_a_feed_each_day_whose_newest_run_failed_is_named(
    parsed: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    later: tuple[str, str, dict[str, Any]],
    stands: list[str],
) -> None:
    dag = corpus_dag("notes")
    parsed(dag)
    monkeypatch.setattr(Listed, "is_feed", True)
    with create_session() as session:
        for hour, (day, state, conf) in enumerate((("1", "failed", {}), later)):
            run = run_of(dag.dag_id, f"r{hour}", state, hour)
            run.partition_key, run.conf = f"2026-11-0{day}", conf
            session.add(run)
            session.flush()
    failed = found_by(DeclaredCorpora())["notes"].failed
    assert [run.day for run in failed] == [f"2026-11-0{day}" for day in stands]


def test_a_run_that_failed_after_its_plan_leaves_its_build_to_tell_of_it(parsed: Callable[..., None]) -> None:
    """Also where only tasks after the plan were cleared, so that the run began after its own build; not where the plan was, and
    Airflow has what it said of the former attempt."""
    parsed(corpus_dag("notes"))
    dag = "sparse_index__notes"
    with create_session() as session:
        run = triggered(session, dag, DagRunState.FAILED)
        run.end_date = DAY
    assert found_by(DeclaredCorpora())["notes"].failed == (FailedRun("r1", DAY),)
    with create_session() as session:
        said = {"plan": "notes/builds/b1/plan.json"}
        set_xcom = partial(XComModel.set, dag_id=dag, task_id="plan_changes", run_id="r1", session=session)
        set_xcom("return_value", said, serialize=False)
    assert (plan_of_run(dag, "r1"), found_by(DeclaredCorpora())["notes"].failed) == (None, (FailedRun("r1", DAY),))
    with create_session() as session:
        its = TaskInstance.dag_id == dag, TaskInstance.run_id == "r1", TaskInstance.task_id == "plan_changes"
        session.execute(update(TaskInstance).where(*its).values(state="success"))
    assert plan_of_run(dag, "r1") == said["plan"]
    assert found_by(DeclaredCorpora())["notes"].failed == ()


@pytest.mark.parametrize(("state", "asked"), [("awaiting_input", True), ("success", False)])
def test_a_run_that_waits_for_an_answer_is_seen(parsed: Callable[..., None], state: str, asked: bool) -> None:
    with DAG("sparse_index__notes", tags=["sparse-index"], schedule=None) as dag:
        promote = EmptyOperator(task_id="promote", outlets=[search_index("notes", corpus_config("notes", "/store"))])
        EmptyOperator(task_id="approve") >> promote
    parsed(dag)
    with create_session() as session:
        run = triggered(session, dag.dag_id, DagRunState.RUNNING)
        (task,) = (each for each in run.task_instances if each.task_id == "approve")
        task.state = TaskInstanceState(state)
    assert found_by(DeclaredCorpora())["notes"].asked is asked


@pytest.mark.parametrize(
    ("state", "paused", "running"),
    [("running", True, True), ("running", False, True), ("queued", False, True), ("queued", True, False)],
)
def test_what_is_queued_of_a_paused_dag_is_not_at_work(
    parsed: Callable[..., None], state: str, paused: bool, running: bool
) -> None:
    dag = corpus_dag("notes")
    parsed(dag)
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == dag.dag_id).values(is_paused=paused))
        session.add(run_of(dag.dag_id, "r0", state, 0))
    assert found_by(DeclaredCorpora())["notes"].running is running


def test_a_dag_that_waits_for_the_index_takes_its_corpus_from_nobody(parsed: Callable[..., None]) -> None:
    parsed(corpus_dag("notes"))
    corpora = DeclaredCorpora()
    before = found_by(corpora)["notes"]
    parsed(DAG("after_notes", schedule=[Asset("notes", "x-opensearch://notes")]))
    assert found_by(corpora)["notes"] == found_by(DeclaredCorpora())["notes"] == before


def test_a_dag_is_read_again_when_it_declares_something_else(parsed: Callable[..., None]) -> None:
    parsed(corpus_dag("notes", owner="newsroom"))
    corpora = DeclaredCorpora()
    assert found_by(corpora)["notes"].owner == "newsroom"
    parsed(corpus_dag("notes", owner="archive"))
    assert found_by(corpora)["notes"].owner == "archive"


def test_runs_that_are_not_there_are_none(metadata_database: None) -> None:
    assert plan_of_run("nobody", "r1") is None
    assert runs_of_operations("news", ["sparse_index_rollback"]) == []


def test_a_run_goes_on_until_it_has_ended(known_dags: None) -> None:

    dag, states = "sparse_index__news", {"queued": True, "running": True, "success": False, "failed": False}
    at = datetime(2026, 11, 1, tzinfo=UTC)
    with create_session() as session:
        for state in states:
            run = DagRun(dag_id=dag, run_id=state, run_type=DagRunType.MANUAL, state=DagRunState(state), run_after=at)
            session.add(run)
    try:
        assert {state: run_goes_on(dag, state) for state in states} == states
        assert run_goes_on(dag, "never") is None
    finally:
        with create_session() as session:
            session.query(DagRun).filter(DagRun.dag_id == dag, DagRun.run_id.in_(states)).delete()


def test_a_run_of_an_operation_says_who_asked_for_what(known_dags: None) -> None:

    dag, at = "sparse_index__news", datetime(2026, 11, 1, tzinfo=UTC)
    asked = {"r1": {"corpus": "news", "generation": "previous"}, "r2": {"corpus": "tickets"}}
    with create_session() as session:
        for run_id, conf in asked.items():
            run = DagRun(dag_id=dag, run_id=run_id, run_type=DagRunType.MANUAL, state=DagRunState.SUCCESS, run_after=at)
            run.conf, run.start_date, run.triggering_user_name = conf, at, "ann"
            session.add(run)
    try:
        assert runs_of_operations("news", [dag]) == [OperationRun(dag, "r1", "success", at, "ann", "previous")]
    finally:
        with create_session() as session:
            session.query(DagRun).filter(DagRun.dag_id == dag, DagRun.run_id.in_(asked)).delete()


def test_the_items_of_the_list_are_the_problems() -> None:
    assert problems_in("# Broken\n- no \\`id\\`\n- two\n\nCorrect it.") == ("no `id`", "two")


@pytest.mark.parametrize(
    ("timetable", "seconds"), [("0 6 * * *", 86_400.0), ("*/15 * * * *", 900.0), ("None", None), (None, None)]
)
def test_the_period_of_a_schedule(timetable: str | None, seconds: float | None) -> None:
    assert period_of(timetable, datetime(2026, 11, 26, 12, 7, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(("day", "days"), [(26, 1), (27, 3), (29, 3), (30, 3)])
def test_a_weekend_without_runs_makes_nobody_late(day: int, days: int) -> None:
    """Thursday the 26th, Friday, Sunday, and Monday after its run."""
    assert period_of("0 6 * * 1-5", datetime(2026, 11, day, 12, tzinfo=UTC)) == days * 86_400.0
