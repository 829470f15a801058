"""The daily DAG of a feed, each run with its partition as the timetable gives it: out of order, and one that is late."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from demo.feed import FeedRequest, write_feed
from real_builds import documents
from real_day import Day, RealDay
from sparse_index.index.meta import read_meta

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
        "upstream_failed",
    )
    for task in ("plan_shards", "receipt"):
        assert f"The partition {MONDAY} of the feed '{day.alias}' has not arrived" in missing.said[task]
    assert day.live() == live

    monday = arrives(folder, MONDAY)
    assert_green(day.run_partition(str(MONDAY)))
    assert bodies(day) == without_deleted(monday | tuesday)
    assert newest_day(day) == TUESDAY, "the index holds the newest day it has seen"
    assert day.left_behind() == {"models": [], "groups": [], "candidates": [live]}
