"""The change set in SQL: temporary tables over the manifests, and the queries that become the plan's files.

Tables, in the order in which they are made:

    scanned     every row that was read           usable     those that can be documents
    losers      rows whose id came earlier        candidates the usable rows without them
    live        the live build's manifest
    changes     what each candidate is compared with the live row; its id unless that is the same
    state       one row a document of the new state (a feed's also: a tombstone)
    gone        documents to delete
    written     documents of it to index, in the order of their places: `document` is their number in it
    texts, encode       of these, with the places left out (plan/texts)
    deletes, shares     what the candidate gets besides, and in which order (plan/writes)

Rows are wide: they are read from the manifests whenever needed, and copied only into `written`, of a feed into `state` too. What
is wide is sorted once and joined with little: ten million rows must pass through DuckDB's share of a task's memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from sparse_index.builds.plan import Counts
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.scan import MANIFEST_SCHEMA
from sparse_index.plan.lost_files import NOTHING, Lost, lost_files
from sparse_index.plan.texts import IN_WORDS, Encoder, load_texts, text_counts, text_lengths
from sparse_index.plan.writes import count_writes, load_writes
from sparse_index.store.files import Store
from sparse_index.store.manifests import PASSAGES, has_text, passages_differ
from sparse_index.store.sql import literal, parquet

_COLUMNS = ", ".join(name for name in MANIFEST_SCHEMA.names if name != "problem")
_PLACE = "file, row_group, row"
_NO_ROWS = f"SELECT {_COLUMNS} FROM scanned WHERE false"
# Names of files are as long as all the rest of a row, and few: rows hold their numbers, which sort as the names do.
_NUMBERED = "file::file_name AS file, file_version::file_version_name AS file_version"
_NUMBERS = """
CREATE TYPE {column}_name AS ENUM (
    SELECT {column} FROM (SELECT {column} FROM scanned UNION ALL SELECT {column} FROM ({live}))
    WHERE {column} IS NOT NULL GROUP BY {column} ORDER BY {column})
"""

# A window over all rows, or all ids grouped, would need memory for all of them: only ids whose hash comes twice are sorted.
_LOSERS = f"""
CREATE TEMP TABLE losers AS
SELECT {_PLACE} FROM (
    SELECT {_PLACE}, row_number() OVER (PARTITION BY id ORDER BY {_PLACE}) AS copy
    FROM (SELECT *, hash(id) AS key FROM usable)
    SEMI JOIN (SELECT hash(id) AS key FROM usable GROUP BY key HAVING count(*) > 1) repeated USING (key))
WHERE copy > 1
"""
# A row wins against the live one if it is not older; a snapshot's rows have no date.
_NEWER = "l.data_date IS NULL OR m.data_date IS NULL OR l.data_date <= m.data_date"
_MOVED = " OR ".join(
    f"l.{name} IS DISTINCT FROM s.{name}"
    for name in ("id", "data_date", "deleted", "file", "file_version", "row_group", "row")
)
# Not a word a row: ten million of them are as large as all else in the table.
_CHANGES = f"""
CREATE TYPE change AS ENUM ('tombstone', 'deleted', 'superseded', 'new', 'text_changed', 'fields_changed', 'unchanged');
CREATE TEMP {{kind}} changes AS
SELECT CASE WHEN change <> 'unchanged' THEN id END AS id, change FROM (SELECT id, CASE
        WHEN NOT ({_NEWER}) THEN 'superseded'
        WHEN m.deleted THEN CASE WHEN l.id IS NULL OR l.deleted THEN 'tombstone' ELSE 'deleted' END
        WHEN l.id IS NULL OR l.deleted THEN 'new'
        WHEN m.text_hash IS DISTINCT FROM l.text_hash THEN 'text_changed'
        WHEN {{own_texts}} AND {passages_differ("m", "l")} THEN 'text_changed'
        WHEN m.row_hash <> l.row_hash THEN 'fields_changed'
        ELSE 'unchanged' END::change AS change
FROM candidates m LEFT JOIN live l USING (id))
"""
_STATE = f"CREATE TEMP {{kind}} state AS SELECT {_COLUMNS}, true AS read FROM {{rows}}"
_KEEP = f"""
INSERT INTO state SELECT {_COLUMNS}, false FROM live ANTI JOIN state USING (id) WHERE NOT (deleted AND data_date < {{oldest}})
"""
_DOCUMENTS = "SELECT count(*), count(*) FILTER (chars > ?) FROM state WHERE NOT deleted"
_CHANGED = """
(SELECT *, true AS read FROM candidates
    SEMI JOIN (FROM changes WHERE change IN ('new', 'text_changed', 'fields_changed')) USING (id))
"""
_WRITTEN = f"""
CREATE TEMP TABLE written AS
SELECT *, row_number() OVER () - 1 AS document FROM (
    SELECT id, file, file_version, row_group, row, text_hash, row_hash, chars, passages, read FROM {{rows}} ORDER BY {_PLACE}, id)
"""
EXAMPLES = 5


@dataclass(frozen=True)
class Inputs:
    """What is compared. Paths are in the store; `encoders`: of each vector field; `own_texts`: the fields that have texts of
    their own. `data_date` is a feed's day, `newest_day` the newest one of its index once this build is live, `live_day` that of
    live rows without one, which it read as a snapshot; all None for a snapshot.

    `same_shape`: the live build made documents in the same way, so that own texts that differ are the corpus' change. `full`:
    every document is written; the change is counted all the same. `row_limit`: only the first rows count.
    """

    scans: Sequence[str]
    live_manifest: str | None
    encoders: Mapping[str, Encoder]
    full: bool
    row_limit: int | None = None
    data_date: date | None = None
    newest_day: date | None = None
    live_day: date | None = None
    own_texts: frozenset[str] = frozenset()
    same_shape: bool = True


@dataclass(frozen=True)
class Changes:
    """What was found, as one value. `writes`: how many documents are written to or deleted from the candidate;
    `differs`: whether the new state differs from the live one at all. `deleted_examples`, `changed_examples`: some ids.
    `lost`: what of earlier partitions a feed needs again and can not read."""

    counts: Counts
    writes: int
    differs: bool
    deleted_examples: tuple[str, ...] = ()
    changed_examples: tuple[str, ...] = ()
    lost: Lost = NOTHING

    @property
    def documents_before(self) -> int:
        """In the live index."""
        return self.counts.documents - self.counts.new + self.counts.deleted


class Difference:
    """The scanned corpus against the live build, held in temporary tables of one DuckDB connection."""

    def __init__(self, con: duckdb.DuckDBPyConnection, store: Store, config: CorpusConfig, inputs: Inputs) -> None:
        self._con, self._store, self._config, self._inputs = con, store, config, inputs

    def load(self) -> None:
        """Build the tables."""
        self._load_rows()
        self._con.execute(_LOSERS)
        # Even with nothing a join takes a third of the time of reading.
        without = f"ANTI JOIN losers USING ({_PLACE})" if self._count("losers") else ""
        self._con.execute(f"CREATE TEMP VIEW candidates AS SELECT * FROM usable {without}")
        self._load_changes()
        self._load_state()
        self._con.execute(f"CREATE TEMP TABLE gone AS {self._gone()}")
        self._con.execute(_WRITTEN.format(rows="state WHERE NOT deleted" if self._inputs.full else _CHANGED))
        load_texts(self._con, self._store, self._inputs.encoders, self._inputs.own_texts)
        # A full build's index is empty: there is nothing to delete.
        load_writes(self._con, deletes=not self._inputs.full)

    def _load_changes(self) -> None:
        # Where nothing is live there is nothing to join: the manifests say it all.
        kind = "VIEW" if self._inputs.live_manifest is None else "TABLE"
        # Of a live index in whose documents they were made otherwise, they tell nothing.
        own_texts = str(self._inputs.same_shape and bool(self._inputs.own_texts)).lower()
        self._con.execute(_CHANGES.format(kind=kind, own_texts=own_texts))

    def _load_state(self) -> None:
        inputs = self._inputs
        if inputs.data_date is None or inputs.live_manifest is None:
            self._con.execute(_STATE.format(kind="VIEW", rows="candidates"))
            return
        # A table: beside the join with all that is kept, the memory has no room to sort both.
        rows = "candidates ANTI JOIN (FROM changes WHERE change = 'superseded') USING (id)"
        self._con.execute(_STATE.format(kind="TABLE", rows=rows))
        if inputs.newest_day is not None and inputs.row_limit is None:
            # Tombstones before this day are dropped: nothing that is older than they are may come any more.
            oldest = inputs.newest_day - timedelta(days=self._config.source.backfill_horizon_days)
            self._con.execute(_KEEP.format(oldest=_date(oldest)))

    def changes(self) -> Changes:
        counts, writes = self._counts(), count_writes(self._con)
        changed = counts.text_changed + counts.fields_changed
        return Changes(
            counts=counts,
            writes=writes,
            differs=writes > 0 or self._moves(),
            deleted_examples=self._examples("gone", counts.deleted),
            changed_examples=self._examples("changes WHERE change IN ('text_changed', 'fields_changed')", changed),
            lost=lost_files(self._con, self._config) if self._inputs.data_date is not None else NOTHING,
        )

    def _counts(self) -> Counts:
        """Each line is counted by itself: that they add up to the rows read is checked, not assumed."""
        inputs = self._inputs
        changes = dict(self._con.execute("SELECT change, count(*) FROM changes GROUP BY change").fetchall())
        documents, over_long = self._con.execute(_DOCUMENTS, [self._config.source.max_text_chars]).fetchall()[0]
        texts = text_counts(self._con)
        return Counts(
            rows_read=self._count("scanned") + self._count("written WHERE NOT read"),
            new=changes.get("new", 0),
            text_changed=changes.get("text_changed", 0),
            fields_changed=changes.get("fields_changed", 0),
            unchanged=0 if inputs.full else changes.get("unchanged", 0),
            deleted=self._count("gone"),
            encoded=texts.every.encoded,
            reused=texts.every.reused,
            blank=self._count(f"written WHERE NOT {has_text(whole=bool(inputs.encoders.keys() - inputs.own_texts))}"),
            duplicate_ids=self._count("losers"),
            superseded=changes.get("superseded", 0),
            tombstones=changes.get("tombstone", 0) + changes.get("deleted", 0),
            dead_letters=self._count("scanned WHERE problem IS NOT NULL"),
            over_long=over_long,
            texts_to_encode=texts.every.texts_to_encode,
            chars_to_encode=texts.every.chars_to_encode,
            documents=documents,
            # Of one vector field the other lines tell.
            fields=texts.fields if len(inputs.encoders) > 1 else {},
            empty=texts.empty,
            lengths=text_lengths(self._con, list(inputs.encoders)),
        )

    def _moves(self) -> bool:
        """Whether a feed's manifest changes though no document does.

        By a date (a row that came again unchanged, or a tombstone of an unknown id, still holds off older partitions) or by a
        place (a full build reads the documents of earlier partitions where the manifest says).
        """
        dated = self._inputs.data_date is not None
        return dated and self._count(f"state s LEFT JOIN live l USING (id) WHERE s.read AND ({_MOVED})") > 0

    def unusable_rows(self, most: int) -> list[dict[str, Any]]:
        """The first rows that cannot be documents: where they are and the reason in `problem`."""
        names = ["id", "file", "file_version", "row_group", "row", "text_hash", "problem"]
        query = f"SELECT {', '.join(names)} FROM scanned WHERE problem IS NOT NULL ORDER BY {_PLACE} LIMIT {int(most)}"
        return [dict(zip(names, row, strict=True)) for row in self._con.execute(query).fetchall()]

    def manifest_query(self) -> str:
        """In no order: nobody needs one, and to sort every document took a third of a plan."""
        return f"SELECT {_COLUMNS} FROM (SELECT * {IN_WORDS} FROM state)"

    def duplicates_query(self) -> str:
        rows = f"SELECT * {IN_WORDS} FROM usable SEMI JOIN losers USING ({_PLACE})"
        return f"SELECT id, {_PLACE}, row_hash FROM ({rows}) ORDER BY {_PLACE}"

    def _load_rows(self) -> None:
        inputs = self._inputs
        day = "" if inputs.data_date is None else f"REPLACE ({_date(inputs.data_date)} AS data_date)"
        rows = f"SELECT * {day} FROM {parquet(self._store, inputs.scans)}"
        if inputs.row_limit is None:
            self._con.execute(f"CREATE TEMP VIEW scanned AS {rows}")
        else:
            limit = f"ORDER BY {_PLACE} LIMIT {int(inputs.row_limit)}"
            self._con.execute(f"CREATE TEMP TABLE scanned AS {rows} {limit}")
        live = self._live()
        for column in ("file", "file_version"):
            self._con.execute(_NUMBERS.format(column=column, live=live))
        usable = f"SELECT {_COLUMNS} FROM scanned WHERE problem IS NULL"
        for name, query in (("usable", usable), ("live", live)):
            self._con.execute(f"CREATE TEMP VIEW {name} AS SELECT * REPLACE ({_NUMBERED}) FROM ({query})")

    def _live(self) -> str:
        """The live build's manifest; what its version did not write is null."""
        path, day = self._inputs.live_manifest, self._inputs.live_day
        if path is None:
            return _NO_ROWS
        written = self._store.schema(path).names
        nothing = {"passages": f"NULL::{PASSAGES} AS passages"}
        columns = (name if name in written else nothing.get(name, f"NULL AS {name}") for name in _COLUMNS.split(", "))
        dated = "" if day is None else f"REPLACE (coalesce(data_date, {_date(day)}) AS data_date)"
        return f"SELECT * {dated} FROM (SELECT {', '.join(columns)} FROM {parquet(self._store, [path])})"

    def _gone(self) -> str:
        """Documents of the live index that the new state no longer has."""
        if self._inputs.data_date is not None:
            return "SELECT id FROM changes WHERE change = 'deleted'"
        return "SELECT id FROM live ANTI JOIN state USING (id) WHERE NOT deleted"

    def _examples(self, table: str, rows: int) -> tuple[str, ...]:
        if not rows:
            return ()
        query = f"SELECT id FROM {table} ORDER BY id LIMIT {EXAMPLES}"
        return tuple(row[0] for row in self._con.execute(query).fetchall())

    def _count(self, table: str) -> int:
        return int(self._con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def _date(day: date) -> str:
    return f"{literal(day.isoformat())}::DATE"
