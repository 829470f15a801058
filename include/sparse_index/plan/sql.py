"""DuckDB over the store's Parquet files: joins and differences of any size in bounded memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from sparse_index.store import Store

MEMORY_LIMIT = "200MB"
THREADS = 2


@contextmanager
def connect(store: Store) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that reads `store.full(path)` addresses and spills to disk beyond 200 MB."""
    spill = _spill_folder(store)
    con = duckdb.connect(":memory:")
    try:
        con.execute(f"SET memory_limit='{MEMORY_LIMIT}'; SET threads={THREADS}; SET preserve_insertion_order=false")
        con.execute(f"SET temp_directory={literal(str(spill))}")
        if not store.is_local:
            con.register_filesystem(store.filesystem)
        yield con
    finally:
        con.close()
        shutil.rmtree(spill, ignore_errors=True)


def _spill_folder(store: Store) -> Path:
    """On the store's disk where it is local: /tmp may be small, or memory."""
    if not store.is_local:
        return Path(tempfile.mkdtemp(prefix="sparse-index-"))
    root = Path(store.full(""))
    root.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=".spill-", suffix=".tmp", dir=root))


def literal(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def parquet(store: Store, paths: Sequence[str]) -> str:
    """The SQL table function that reads these files of the store."""
    return f"read_parquet([{', '.join(literal(store.full(path)) for path in paths)}])"


def copy_to(con: duckdb.DuckDBPyConnection, store: Store, query: str, path: str, row_group_rows: int = 50_000) -> None:
    """Write the result of `query` to `path` in the store, in one step."""
    with store.writing(path) as local:
        target = literal(str(local))
        con.execute(f"COPY ({query}) TO {target} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {row_group_rows})")
