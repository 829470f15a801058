"""Corpus files become DAGs; a broken file becomes a DAG that says why, and harms no other."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.timetables.base import TimeRestriction

from dag_help import load_dags
from opensearch_ml.factory import PREFIX

BROKEN = """
alias: My--Alias
store: ""
sauce: {}
source: {uri: x.parquet, id_column: id, text_template: "no column"}
"""


@pytest.fixture
def corpora(tmp_path, root, monkeypatch):
    shutil.copy(root / "include" / "corpora" / "tickets.yaml", tmp_path / "good.yaml")
    monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(tmp_path))
    return tmp_path


def test_a_broken_file_fails_with_all_its_problems_in_one_message(corpora) -> None:
    (corpora / "bad.yaml").write_text(BROKEN)
    dags = load_dags()
    assert {dag_id for dag_id in dags if dag_id.startswith(PREFIX)} == {"sparse_index__good", "sparse_index__bad"}
    assert "broken" not in dags["sparse_index__good"].tags
    bad = dags["sparse_index__bad"]
    assert "broken" in bad.tags
    assert bad.timetable.can_be_scheduled is False
    with pytest.raises(AirflowFailException) as caught:
        bad.tasks[0].execute({})
    for problem in ("bad.yaml", "sauce", "alias", "encoder", "text_template"):
        assert problem in str(caught.value)


def test_text_that_is_no_yaml_breaks_only_its_own_dag(corpora) -> None:
    (corpora / "bad.yaml").write_text("alias: [tickets")
    dags = load_dags()
    assert "broken" in dags["sparse_index__bad"].tags
    assert "not YAML" in dags["sparse_index__bad"].tasks[0].problems


def test_two_files_with_one_alias_are_both_broken_and_name_each_other(corpora) -> None:
    shutil.copy(corpora / "good.yaml", corpora / "twin.yaml")
    dags = load_dags()
    assert "twin.yaml" in dags["sparse_index__good"].tasks[0].problems
    assert "good.yaml" in dags["sparse_index__twin"].tasks[0].problems


def test_only_the_dag_that_a_task_needs_is_built(corpora, monkeypatch) -> None:
    (corpora / "bad.yaml").write_text(BROKEN)
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "sparse_index__good")
    assert {dag_id for dag_id in load_dags() if dag_id.startswith(PREFIX)} == {"sparse_index__good"}


@pytest.mark.parametrize("schedule", ["nonsense", "0 25 * * *", "@once", "@continuous"])
def test_a_schedule_that_airflow_cannot_read_breaks_only_its_own_dag(corpora, schedule) -> None:
    good = (corpora / "good.yaml").read_text()
    (corpora / "bad.yaml").write_text(good.replace("alias: tickets", "alias: other") + f"\nschedule: '{schedule}'\n")
    dags = load_dags()
    assert "broken" not in dags["sparse_index__good"].tags
    assert f"'{schedule}' is neither cron text nor a preset" in dags["sparse_index__bad"].tasks[0].problems


def feed(corpora, schedule: str):
    text = (corpora / "good.yaml").read_text()
    text = text.replace("tickets.parquet", "{data_date}").replace("id_column: id", "id_column: id\n  columns: [id]")
    (corpora / "good.yaml").write_text(f"{text}\nkind: feed\nschedule: {schedule}\n")
    return load_dags()["sparse_index__good"]


@pytest.mark.parametrize(("schedule", "time"), [("'@daily'", "00:00"), ("30 6 * * *", "06:30")], ids=["preset", "cron"])
def test_a_feed_s_run_reads_the_day_before_and_a_backfill_each_of_its_days(corpora, schedule, time) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(feed(corpora, schedule)))
    after, first = datetime.fromisoformat(f"2026-03-04T{time}Z"), datetime(2026, 3, 1, tzinfo=UTC)
    next_run = dag.timetable.next_dagrun_info_v2(
        last_dagrun_info=None, restriction=TimeRestriction(earliest=after, latest=None, catchup=True)
    )
    assert (next_run.run_after, next_run.partition_key) == (after, "2026-03-03")
    days = [info.partition_key for info in dag.iter_dagrun_infos_between(first, first + timedelta(days=3))]
    assert days == [f"2026-03-0{day}" for day in ((1, 2, 3, 4) if time == "00:00" else (1, 2, 3))]


def test_a_feed_without_a_schedule_runs_by_hand(corpora) -> None:
    assert feed(corpora, "null").timetable.can_be_scheduled is False


def test_the_demo_starts_unpaused(corpora, monkeypatch) -> None:
    monkeypatch.setenv("SPARSE_INDEX_DEMO", "1")
    assert load_dags()["sparse_index__good"].is_paused_upon_creation is False
