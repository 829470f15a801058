"""The daily DAG of a feed, each run with its partition as the timetable gives it: out of order, and one that is late."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from dag_help import store_dags
from demo.feed import FeedRequest, write_feed
from opensearch_ml.params import data_date
from real_builds import documents
from real_day import Day, RealDay
from sparse_index.live.meta import read_meta

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("metadata_database")]

MONDAY = date(2026, 3, 2)
TUESDAY = MONDAY + timedelta(days=1)


def arrives(folder: Path, day: date) -> dict[str, str | None]:
    """Write that day's partition; id -> body, None for what it deletes."""
    path = write_feed(FeedRequest("tickets", day, days=1, rows=20, documents=25), folder)[0]
    rows = pq.read_table(path, partitioning=None).to_pylist()
    return {row["id"]: None if row["deleted"] else row["body"] for row in rows}


def bodies(day: RealDay) -> dict[str, str | None]:
    return {name: source["body"] for name, source in documents(day.cluster, day.alias).items()}


def newest_day(day: RealDay) -> date | None:
    meta = read_meta(day.cluster, str(day.live()))
    return meta.data_date if meta else None


def without_deleted(rows: dict[str, str | None]) -> dict[str, str | None]:
    return {name: body for name, body in rows.items() if body is not None}


def assert_green(ended: Day) -> None:
    assert ended.state == "success", ended.said
    assert ended.xcoms["receipt"]["outcome"] == "promoted"


def test_partitions_out_of_order_and_one_that_is_late(day: RealDay) -> None:
    folder = day.make_feed()
    tuesday = arrives(folder, TUESDAY)
    assert_green(day.run_partition(str(TUESDAY)))
    assert bodies(day) == without_deleted(tuesday)

    live = day.live()
    missing = day.run_partition(str(MONDAY))
    assert (missing.state, missing.tasks["plan_shards"], missing.tasks["turn"]) == (
        "failed",
        "failed",
        "success",
    )
    for task in ("plan_shards", "receipt"):
        assert f"The partition {MONDAY} of the feed '{day.alias}' has not arrived" in missing.said[task]
    assert day.live() == live

    monday = arrives(folder, MONDAY)
    assert_green(day.run_partition(str(MONDAY)))
    assert bodies(day) == without_deleted(monday | tuesday)
    assert newest_day(day) == TUESDAY, "the index holds the newest day it has seen"
    assert day.left_behind() == {"models": [], "groups": [], "candidates": [live]}


def test_a_backfill_makes_a_run_for_each_day_with_its_partition(day: RealDay) -> None:
    from airflow.models import DagRun
    from airflow.models.backfill import ReprocessBehavior, _create_backfill
    from airflow.utils.session import create_session

    day.make_feed()
    day.config["alias"], day.config["schedule"] = f"{day.alias}-backfill", "30 6 * * *"
    (day.folder / "corpora" / "backfilled.yaml").write_text(yaml.safe_dump(day.config))
    store_dags()
    first = datetime(2026, 3, 1, tzinfo=UTC)
    backfill = _create_backfill(
        dag_id="sparse_index__backfilled",
        from_date=first,
        to_date=first + timedelta(days=2, hours=23),
        max_active_runs=3,
        reverse=True,
        dag_run_conf={"accept_mass_change": True},
        triggering_user_name="test",
        reprocess_behavior=ReprocessBehavior.NONE,
    )
    with create_session() as session:
        runs = session.query(DagRun).filter(DagRun.backfill_id == backfill.id).order_by(DagRun.id).all()
    assert [run.partition_key for run in runs] == ["2026-03-03", "2026-03-02", "2026-03-01"]
    assert {run.logical_date for run in runs} == {None}
    assert {str(data_date(None, run.partition_key, run.run_after)) for run in runs} == {
        run.partition_key for run in runs
    }
    assert {(run.conf or {}).get("accept_mass_change") for run in runs} == {True}
