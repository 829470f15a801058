"""A demo feed: each day by itself the same whatever days are beside it, with changes, deletions and repetitions."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from demo.feed import FeedRequest, write_feed

REQUEST = FeedRequest("tickets", date(2026, 1, 30), days=4, rows=30, documents=40)


def test_a_day_is_a_folder_with_so_many_documents(tmp_path: Path) -> None:
    paths = write_feed(REQUEST, tmp_path)
    assert [path.parent.name for path in paths] == [f"day=2026-{day}" for day in ("01-30", "01-31", "02-01", "02-02")]
    for path in paths:
        ids = pq.read_table(path, partitioning=None)["id"].to_pylist()
        assert len(set(ids)) == len(ids) == 30


def test_days_change_delete_and_repeat_documents(tmp_path: Path) -> None:
    first, second = (
        {row["id"]: row for row in pq.read_table(path, partitioning=None).to_pylist()}
        for path in write_feed(REQUEST, tmp_path)[:2]
    )
    both = first.keys() & second.keys()
    assert {first[name]["deleted"] for name in first} == {True, False}
    assert any(first[name]["body"] != second[name]["body"] for name in both)
    assert any(first[name] == second[name] for name in both)


def test_a_day_does_not_depend_on_the_days_beside_it(tmp_path: Path) -> None:
    third = write_feed(REQUEST, tmp_path / "all")[2]
    alone = write_feed(replace(REQUEST, first_day=date(2026, 2, 1), days=1), tmp_path / "alone")[0]
    assert pq.read_table(third, partitioning=None).equals(pq.read_table(alone, partitioning=None))


def test_more_rows_than_documents_are_refused() -> None:
    with pytest.raises(ValueError, match="1 to `documents` rows a day"):
        replace(REQUEST, rows=41)
