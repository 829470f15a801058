"""An index part joined with its vectors, streamed in the order of the part; memory does not grow with either."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa

from sparse_index.plan.model import Part, Plan
from sparse_index.plan.sql import connect
from sparse_index.store import Store, vectors_folder

ROWS_AT_ONCE = 500


def joined_rows(store: Store, plan: Plan, part: Part) -> Iterator[dict[str, Any]]:
    """Rows of the part (op, id, file, file_version, row_group, row, text_hash, row_hash) plus `tokens` and `weights`,
    which are None where the store has no vector for the text."""
    files = [store.full(path) for path in store.files(vectors_folder(plan.fingerprint), ".parquet")]
    with connect(store) as con:
        con.execute(
            "CREATE TEMP TABLE part AS SELECT * FROM read_parquet($part, file_row_number = true)",
            {"part": store.full(part.path)},
        )
        holders = _choose_vectors(con, files)
        sql, parameters = _join(holders)
        for batch in _batches(con.sql(sql, params=parameters)):
            yield from batch.to_pylist()


def _choose_vectors(con: duckdb.DuckDBPyConnection, files: list[str]) -> list[str]:
    """Table `chosen`: one file for each text hash of the part, found by reading hash columns only; gives those files.

    Two builds may both have encoded a text; then either vector will do, and it must be one.
    """
    con.execute("CREATE TEMP TABLE chosen (text_hash VARCHAR, filename VARCHAR)")
    if files:
        con.execute(
            """INSERT INTO chosen
               SELECT text_hash, min(filename) FROM read_parquet($files, filename = true)
               WHERE text_hash IN (SELECT text_hash FROM part) GROUP BY text_hash""",
            {"files": files},
        )
    return [row[0] for row in con.execute("SELECT DISTINCT filename FROM chosen ORDER BY filename").fetchall()]


def _join(holders: list[str]) -> tuple[str, dict[str, list[str]]]:
    if not holders:
        return "SELECT *, NULL AS tokens, NULL AS weights FROM part ORDER BY file_row_number", {}
    sql = """
        SELECT part.*, vectors.tokens, vectors.weights
        FROM part LEFT JOIN (
            SELECT text_hash, tokens, weights
            FROM read_parquet($holders, filename = true) SEMI JOIN chosen USING (text_hash, filename)
        ) AS vectors USING (text_hash)
        ORDER BY part.file_row_number"""
    return sql, {"holders": holders}


def part_locations(store: Store, part: Part) -> Iterator[dict[str, Any]]:
    """file, file_version, row_group and row of the part's `index` operations, in its order."""
    for batch in store.batches(part.path, 20 * ROWS_AT_ONCE):
        rows = batch.select(["op", "file", "file_version", "row_group", "row"]).to_pylist()
        yield from (row for row in rows if row["op"] == "index")


def _batches(result: duckdb.DuckDBPyRelation) -> Iterator[pa.RecordBatch]:
    reader: pa.RecordBatchReader = result.to_arrow_reader(ROWS_AT_ONCE)
    yield from reader
