"""The change set in SQL: temporary tables over the manifests, and the queries that become the plan's files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import duckdb

from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.scan import MANIFEST_SCHEMA
from sparse_index.plan.model import Counts
from sparse_index.plan.sql import literal, parquet
from sparse_index.store import Store

_MANIFEST_COLUMNS = ", ".join(name for name in MANIFEST_SCHEMA.names if name != "problem")
_PLACE = "file, row_group, row"

# One row a document of the new state. `change` against the live build; `written`: an operation of this build.
_STATE = """
CREATE TEMP TABLE state AS
SELECT m.*, CASE
        WHEN l.id IS NULL THEN 'new'
        WHEN m.text_hash IS DISTINCT FROM l.text_hash THEN 'text_changed'
        WHEN m.row_hash <> l.row_hash THEN 'fields_changed'
        ELSE 'unchanged' END AS change,
    {full} OR l.id IS NULL OR m.row_hash <> l.row_hash AS written
FROM copies m LEFT JOIN live l USING (id) WHERE m.copy = 1
"""
# A text is encoded once, where it comes first, however many documents share it.
_ENCODE = f"""
CREATE TEMP TABLE encode AS
SELECT text_hash, file, file_version, row_group, row, row_number() OVER (ORDER BY {_PLACE}) - 1 AS position
FROM (SELECT *, row_number() OVER (PARTITION BY text_hash ORDER BY {_PLACE}) AS copy_of_text
      FROM state WHERE written AND text_hash IS NOT NULL AND text_hash NOT IN (SELECT text_hash FROM known))
WHERE copy_of_text = 1
"""
# Deletes are spread over the parts by a hash of their id, so that no part is made of deletes alone.
_INDEX = f"""
CREATE TEMP TABLE operations AS
SELECT *, row_number() OVER (ORDER BY share, op DESC, {_PLACE}, id) - 1 AS position FROM (
    SELECT 'index' AS op, id, file, file_version, row_group, row, text_hash, row_hash,
        (row_number() OVER (ORDER BY {_PLACE}) - 1) * {{shares}} // greatest(count(*) OVER (), 1) AS share
    FROM state WHERE written
    UNION ALL
    SELECT 'delete', id, NULL, NULL, NULL, NULL, NULL, NULL, hash(id) % {{shares}} FROM deleted)
"""
_SHARES = 1024


class Difference:
    """The scanned corpus against the live build, held in temporary tables of one DuckDB connection."""

    def __init__(self, con: duckdb.DuckDBPyConnection, store: Store, config: CorpusConfig) -> None:
        self._con, self._store, self._config = con, store, config

    def load(
        self,
        scans: Sequence[str],
        *,
        live_manifest: str | None,
        vectors: Sequence[str],
        full: bool,
        row_limit: int | None,
    ) -> None:
        """Build the tables. `full`: every document is written; the change is counted all the same."""
        limit = "" if row_limit is None else f"ORDER BY {_PLACE} LIMIT {int(row_limit)}"
        self._con.execute(f"CREATE TEMP TABLE scanned AS SELECT * FROM {parquet(self._store, scans)} {limit}")
        self._con.execute(
            f"""CREATE TEMP TABLE copies AS
                SELECT * EXCLUDE (problem), row_number() OVER (PARTITION BY id ORDER BY {_PLACE}) AS copy
                FROM scanned WHERE problem IS NULL"""
        )
        self._con.execute(f"CREATE TEMP VIEW live AS {self._live(live_manifest)}")
        self._con.execute(f"CREATE TEMP VIEW known AS {self._known(vectors)}")
        self._con.execute(_STATE.format(full=str(full).lower()))
        self._con.execute("CREATE TEMP VIEW gone AS SELECT id FROM live WHERE id NOT IN (SELECT id FROM state)")
        self._con.execute(f"CREATE TEMP VIEW deleted AS SELECT id FROM gone WHERE {str(not full).lower()}")
        self._con.execute(_ENCODE)
        self._con.execute(_INDEX.format(shares=_SHARES))
        self._full = full

    def counts(self) -> Counts:
        row = self._con.execute(
            f"""SELECT
                count(*) FILTER (change = 'new'), count(*) FILTER (change = 'text_changed'),
                count(*) FILTER (change = 'fields_changed'), count(*) FILTER (NOT written),
                count(*) FILTER (written AND text_hash IS NULL),
                count(*) FILTER (written AND text_hash IN (SELECT text_hash FROM encode)),
                count(*) FILTER (chars > {int(self._config.source.max_text_chars)}), count(*)
            FROM state"""
        ).fetchall()[0]
        new, text_changed, fields_changed, unchanged, blank, encoded, over_long, documents = row
        return Counts(
            rows_read=self._count("scanned"),
            new=new,
            text_changed=text_changed,
            fields_changed=fields_changed,
            unchanged=unchanged,
            deleted=self._count("gone"),
            encoded=encoded,
            reused=documents - unchanged - blank - encoded,
            blank=blank,
            duplicate_ids=self._count("copies WHERE copy > 1"),
            dead_letters=self._count("scanned WHERE problem IS NOT NULL"),
            over_long=over_long,
            texts_to_encode=self._count("encode"),
            documents=documents,
        )

    def deleted_examples(self, most: int = 5) -> list[str]:
        return [row[0] for row in self._con.execute(f"SELECT id FROM gone ORDER BY id LIMIT {int(most)}").fetchall()]

    def manifest_query(self) -> str:
        return f"SELECT {_MANIFEST_COLUMNS} FROM state ORDER BY {_PLACE}"

    def duplicates_query(self) -> str:
        return f"SELECT id, {_PLACE}, row_hash FROM copies WHERE copy > 1 ORDER BY {_PLACE}"

    def dead_letters_query(self, build_id: str, at: datetime) -> str:
        moment = literal(at.isoformat())
        return f"""SELECT id, 'scan' AS stage, problem AS error_class,
                'the id of the row cannot be a document id: ' || problem AS reason, 1::INTEGER AS attempt,
                {literal(build_id)} AS build_id, {moment}::TIMESTAMPTZ AS at, file, file_version, row_group, row,
                json_object('id', id)::VARCHAR AS source, text_hash
            FROM scanned WHERE problem IS NOT NULL ORDER BY {_PLACE}"""

    def encode_table(self) -> str:
        return "encode"

    def index_table(self) -> str:
        return "operations"

    def _count(self, table: str) -> int:
        return int(self._con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])

    def _live(self, manifest: str | None) -> str:
        columns = "id, text_hash, row_hash"
        if manifest is None:
            return "SELECT NULL::VARCHAR AS id, NULL::VARCHAR AS text_hash, NULL::VARCHAR AS row_hash WHERE false"
        return f"SELECT {columns} FROM {parquet(self._store, [manifest])}"

    def _known(self, vectors: Sequence[str]) -> str:
        if not vectors:
            return "SELECT NULL::VARCHAR AS text_hash WHERE false"
        return f"SELECT DISTINCT text_hash FROM {parquet(self._store, vectors)}"
