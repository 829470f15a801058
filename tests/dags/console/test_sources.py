"""Which corpora there are, read from Airflow's own tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from opensearch_ml.console.sources import (
    OperationRun,
    declared_corpora,
    period_of,
    plan_of_run,
    problems_in,
    run_goes_on,
    runs_of_operations,
)
from opensearch_ml.dag_names import broken_dag_id, broken_display_name, broken_serving_dag_id

OF_ASSETS = ("notes", "gone", "both")


@pytest.fixture
def declared(known_dags: None) -> Iterator[None]:
    """An asset of `notes` as its DAG declares it, one of a DAG that went away, a broken DAG, and both DAGs of one that has just
    been broken: in a database where other tests have declared theirs."""
    from airflow.models.asset import AssetActive, AssetModel
    from airflow.models.dag import DagModel, DagTag
    from airflow.utils.session import create_session

    broken, whole, both = broken_dag_id("a bad one"), "sparse_index__notes", broken_dag_id("both")
    refused, still_there = broken_serving_dag_id("notes"), "sparse_index__both"
    names = {broken: "a bad one", both: "both", refused: "notes"}
    extra = {"store": "/store", "connection": "c", "owner": "newsroom"}
    assets = [
        AssetModel(name, f"x-opensearch://{name}", group="search index", extra=extra | {"corpus": name})
        for name in OF_ASSETS
    ]
    with create_session() as session:
        session.add_all(assets)
        session.flush()
        session.add_all(AssetActive.for_asset(asset) for asset in assets)
        session.add_all(
            DagModel(  # type: ignore[no-untyped-call]
                dag_id=dag_id,
                bundle_name="console-tests",
                is_stale=False,
                max_active_tasks=1,
                description="why",
                _dag_display_property_value=broken_display_name(names[dag_id]) if dag_id in names else None,
            )
            for dag_id in (*names, whole, still_there)
        )
        session.flush()
        session.add_all(DagTag(name=tag, dag_id=dag_id) for dag_id in names for tag in ("sparse-index", "broken"))
    yield
    with create_session() as session:
        for name in OF_ASSETS:
            session.query(AssetActive).filter(AssetActive.name == name).delete()
            session.query(AssetModel).filter(AssetModel.name == name).delete()
        session.query(DagTag).filter(DagTag.dag_id.in_(names)).delete()
        session.query(DagModel).filter(DagModel.dag_id.in_([*names, whole, still_there])).delete()


def test_corpora_are_those_whose_dag_is_there_and_the_broken_ones(declared: None) -> None:
    found = {each.corpus: each for each in declared_corpora()}
    assert {"notes", "a bad one", "both"} <= set(found)
    assert "gone" not in found
    notes = found["notes"]
    assert not notes.is_broken, "its serving DAG, that Airflow refuses, is no corpus"
    assert (notes.alias, notes.store, notes.connection, notes.owner) == ("notes", "/store", "c", "newsroom")
    for name in ("a bad one", "both"):
        assert found[name].is_broken
        assert (found[name].dag_id, found[name].problems) == (broken_dag_id(name), ("why",))


def test_runs_that_are_not_there_are_none(metadata_database: None) -> None:
    assert plan_of_run("nobody", "r1") is None
    assert runs_of_operations("news", ["sparse_index_rollback"]) == []


def test_a_run_goes_on_until_it_has_ended(known_dags: None) -> None:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunType

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
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunType

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
