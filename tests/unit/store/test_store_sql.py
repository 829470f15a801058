"""DuckDB reads the store's files as they are: nothing of their address becomes a column or a pattern."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

import sparse_index
from sparse_index.errors import ConfigError, UnavailableError
from sparse_index.store.files import Store
from sparse_index.store.sql import MEMORY_VARIABLE, connect, copy_to, parquet

PLACES = {
    "id=7/text_hash=abc/deleted=true/data_date=2026-01-01/row=5/file=x": None,
    "team=search/env=prod": None,
    "st*x": "stax",
    "st [prod]": "st p",
    "what?": "whats",
    "**": "other",
    "x]y[": "xy",
    "back\\slash": None,
    "{a,b}": "a",
    "o'brien": None,
    "a,b": None,
    "ü 🎉": None,
    "#frag": None,
    "per%20cent": None,
    "$files": None,
}


@pytest.mark.parametrize("scheme", ["", "memory://"], ids=["local", "remote"])
@pytest.mark.parametrize("place", PLACES)
def test_a_store_may_lie_anywhere(tmp_path: Path, scheme: str, place: str) -> None:
    store = Store(f"{scheme}{tmp_path}/{place}")
    if neighbour := PLACES[place]:
        Store(f"{scheme}{tmp_path}/{neighbour}").write_table("f.parquet", pa.table({"id": ["of another store"]}))
    store.write_table("f.parquet", pa.table({"id": ["a", "b"]}))
    with connect(store) as con:
        copy_to(con, store, f"SELECT * FROM {parquet(store, ['f.parquet'])} WHERE id = 'b'", "g.parquet")
        files = parquet(store, ["f.parquet", "g.parquet"], "filename", "file_row_number")
        found = con.execute(f"SELECT * FROM {files} ORDER BY ALL").fetchall()
    first, second = store.full("f.parquet"), store.full("g.parquet")
    assert found == [("a", 0, first), ("b", 0, second), ("b", 1, first)]


def test_the_one_address_that_duckdb_cannot_be_given_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="backslash and one of"):
        Store(f"{tmp_path}/back\\slash*")


def test_no_other_sql_reads_parquet_by_itself() -> None:
    core = Path(sparse_index.__file__).parent
    readers = [
        path.name for path in core.rglob("*.py") if re.search(r"read_parquet\(|parquet_scan\(", path.read_text())
    ]
    assert readers == ["sql.py"]


def test_a_task_has_the_memory_that_the_worker_gives_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def limit() -> str:
        with connect(Store(str(tmp_path))) as con:
            return str(con.execute("SELECT current_setting('memory_limit')").fetchall()[0][0])

    assert limit() == "228.8 MiB"
    monkeypatch.setenv(MEMORY_VARIABLE, "2048")
    assert limit() == "1.5 GiB"
    for wrong in ("511", "2 GB", "-1"):
        monkeypatch.setenv(MEMORY_VARIABLE, wrong)
        with pytest.raises(ConfigError, match=f"{MEMORY_VARIABLE} is '{wrong}'.*512 at least"):
            limit()


def test_rows_are_numbered_in_the_order_that_they_were_sorted_in(tmp_path: Path) -> None:
    """Parts of a plan rest on it: with two threads, insertion order not kept, and more rows than fit into one block."""
    with connect(Store(str(tmp_path))) as con:
        con.execute(
            "CREATE TEMP TABLE shuffled AS SELECT i, repeat('x', 40) || i AS payload FROM range(400000) t(i) ORDER BY hash(i)"
        )
        con.execute(
            "CREATE TEMP TABLE sorted AS SELECT *, row_number() OVER () - 1 AS position FROM (FROM shuffled ORDER BY i)"
        )
        assert con.execute("SELECT count(*), count(*) FILTER (position <> i) FROM sorted").fetchall() == [(400_000, 0)]


def test_a_query_that_needs_more_memory_says_how_to_give_it(tmp_path: Path) -> None:
    def many() -> None:
        with connect(Store(str(tmp_path))) as con:
            con.execute("SET memory_limit='10MB'; SET temp_directory=''")
            con.execute("SELECT count(*) FROM (SELECT DISTINCT repeat('x', 100) || i FROM range(1000000) t(i))")

    with pytest.raises(UnavailableError, match=f"in the memory of a task: .*more, in MB, by {MEMORY_VARIABLE}"):
        many()
