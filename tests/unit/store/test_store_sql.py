"""DuckDB reads the store's files as they are: nothing of their address becomes a column or a pattern."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

import sparse_index
from sparse_index.errors import ConfigError
from sparse_index.store.files import Store
from sparse_index.store.sql import connect, copy_to, parquet

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
