"""The texts of the documents that are written, which of them have no vector yet, and how long they are, in SQL.

Tables, beside those of plan/difference:

    fields    the vector fields in turn; `encoder`: the first turn that has the same one; `reads`: the most characters of a text
              that it may read
    wanted    one row a text of each field: the whole one of a document, or the field's own ones, with how long it is
    known     text hashes of this build whose vector by an encoder is in the store, and whether that is an empty one
    texts     `wanted`, and what is known of each
    of_fields one row a document and field: whether one of its texts there is to be encoded, whether all have empty vectors
    encode    one row a text that an encoder has not encoded yet, for the first field that has it; a document's texts of all
              fields follow each other, so that it is read once
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from functools import partial
from typing import NamedTuple

import duckdb

from sparse_index.builds.plan import FieldCounts, TextLengths
from sparse_index.store.files import Store
from sparse_index.store.sql import literal, parquet
from sparse_index.vectors.files import reading_vectors

# Tables hold numbers of files, the files of a plan their names.
IN_WORDS = "REPLACE (file::VARCHAR AS file, file_version::VARCHAR AS file_version)"
_PLACES = "file::VARCHAR AS file, file_version::VARCHAR AS file_version, row_group, row"
_LENGTHS = tuple(TextLengths.model_fields)
_TABLES = """
CREATE TEMP TABLE known (encoder INTEGER, text_hash VARCHAR, is_empty BOOLEAN);
CREATE TEMP TABLE fields (turn INTEGER, field VARCHAR, encoder INTEGER, own_texts BOOLEAN, reads INTEGER)
"""
_WANTED = """
CREATE TEMP VIEW wanted AS
SELECT document, turn, encoder, text_hash, NULL::INTEGER AS "start", NULL::INTEGER AS "end", chars
FROM written CROSS JOIN fields WHERE text_hash IS NOT NULL AND NOT own_texts
UNION ALL
SELECT document, turn, encoder, passage.text_hash, passage."start", passage."end", passage."end" - passage."start"
FROM (SELECT document, turn, encoder, unnest(passages[field]) AS passage FROM written CROSS JOIN fields WHERE own_texts)
"""
_TEXTS = """
CREATE TEMP TABLE texts AS
SELECT wanted.*, is_empty IS NOT NULL AS known, coalesce(is_empty, false) AS is_empty
FROM wanted LEFT JOIN known USING (encoder, text_hash)
"""
# A text is encoded once by an encoder, where it comes first, however many documents share it. Only texts that come twice are
# looked at closely: a window over all rows would need memory for all of them. To find these takes numbers: texts whose hash is
# the same by chance are looked at, too. Each step by itself, so that none shares the memory.
_ENCODE = """
CREATE TEMP VIEW fresh AS SELECT *, hash(encoder, text_hash) AS key FROM texts WHERE NOT known;
CREATE TEMP TABLE repeated AS SELECT key FROM fresh GROUP BY key HAVING count(*) > 1;
CREATE TEMP TABLE unsorted AS
FROM fresh ANTI JOIN repeated USING (key)
UNION ALL
SELECT * EXCLUDE (copy) FROM (
    SELECT *, row_number() OVER (PARTITION BY encoder, text_hash ORDER BY turn, document, "start") AS copy
    FROM fresh SEMI JOIN repeated USING (key))
WHERE copy = 1;
CREATE TEMP TABLE encode AS
SELECT document, turn, text_hash, "start", "end", chars, row_number() OVER () - 1 AS position
FROM (FROM unsorted ORDER BY document, turn, "start");
DROP TABLE unsorted
"""
# Only a field with texts of its own has several of a document: those of the others need no grouping.
_OF_FIELDS = """
CREATE TEMP VIEW of_fields AS
SELECT turn, document, NOT known AS fresh, is_empty FROM texts SEMI JOIN (FROM fields WHERE NOT own_texts) USING (turn)
UNION ALL
SELECT turn, document, bool_or(NOT known), bool_and(is_empty)
FROM texts SEMI JOIN (FROM fields WHERE own_texts) USING (turn) GROUP BY turn, document
"""
_DOCUMENTS = """
SELECT turn, count(*) FILTER (fresh), count(*) FILTER (NOT fresh), count(*) FILTER (is_empty) FROM of_fields GROUP BY turn
"""
_OF_ALL_FIELDS = """
SELECT count(*) FILTER (fresh), count(*) FILTER (NOT fresh) FROM (
    SELECT bool_or(fresh) AS fresh FROM of_fields GROUP BY document)
"""


# Of the texts to encode: how many, and how many characters their models read of them.
_DUE = """
SELECT turn, count(*), coalesce(sum(least(chars, reads)), 0) FROM encode JOIN fields USING (turn) GROUP BY ROLLUP (turn)
"""


class Encoder(NamedTuple):
    """`empty_rows`: SQL, which rows of its vectors in the store are empty ones. `reads`: the most characters of a text that it
    may read."""

    fingerprint: str
    empty_rows: str
    reads: int


def load_texts(
    con: duckdb.DuckDBPyConnection, store: Store, encoders: Mapping[str, Encoder], own_texts: Set[str]
) -> None:
    """Build the tables, after `written`. `encoders`: of each vector field; `own_texts`: the fields that have texts of their
    own."""
    con.execute(_TABLES)
    turns = {encoder.fingerprint: turn for turn, encoder in reversed(list(enumerate(encoders.values())))}
    for turn, (field, encoder) in enumerate(encoders.items()):
        con.execute(
            "INSERT INTO fields VALUES (?, ?, ?, ?, ?)",
            [turn, field, turns[encoder.fingerprint], field in own_texts, encoder.reads],
        )
    con.execute(_WANTED)
    for encoder in {encoder.fingerprint: encoder for encoder in encoders.values()}.values():
        known = partial(_load_known, con, store, turns[encoder.fingerprint], encoder.empty_rows)
        # As late as may be: what was listed minutes ago may have been merged since.
        reading_vectors(store, encoder.fingerprint, known)
    con.execute(_TEXTS)
    con.execute(_OF_FIELDS)
    con.execute(_ENCODE)


def _load_known(con: duckdb.DuckDBPyConnection, store: Store, turn: int, empty_rows: str, files: Sequence[str]) -> None:
    if files:
        con.execute(
            f"""INSERT INTO known SELECT {turn}, text_hash, bool_or({empty_rows}) FROM {parquet(store, files)}
                WHERE text_hash IN (SELECT text_hash FROM wanted WHERE encoder = {turn}) GROUP BY text_hash"""
        )


def due_query(con: duckdb.DuckDBPyConnection, low: int, high: int) -> str:
    """SQL: the rows of `encode` from position `low` to before `high`, in its order, with their place."""
    here = f"position >= {low} AND position < {high}"
    first, last = con.execute(f"SELECT min(document), max(document) FROM encode WHERE {here}").fetchall()[0]
    # Said in numbers: else each part would read all of `written`.
    return f"""SELECT field, encode.text_hash, {_PLACES}, "start", "end"
        FROM encode JOIN fields USING (turn) JOIN written USING (document)
        WHERE {here} AND document BETWEEN {first} AND {last} ORDER BY position"""


class TextCounts(NamedTuple):
    """Of all vector fields together (`every`) and of each; `empty`: by field, where there are any, documents all of whose texts
    have an empty vector in the store."""

    every: FieldCounts
    fields: dict[str, FieldCounts]
    empty: dict[str, int]


def text_counts(con: duckdb.DuckDBPyConnection) -> TextCounts:
    """A document counts as encoded, of a field or of all, where one of its texts there is to be encoded."""
    documents: dict[int | None, Sequence[int]] = {turn: counts for turn, *counts in con.execute(_DOCUMENTS).fetchall()}
    due = {turn: counts for turn, *counts in con.execute(_DUE).fetchall()}

    def of(turn: int | None) -> FieldCounts:
        encoded, reused, *_ = documents.get(turn, (0, 0))
        texts, chars = due.get(turn, (0, 0))
        return FieldCounts(encoded=encoded, reused=reused, texts_to_encode=texts, chars_to_encode=chars)

    fields = dict(con.execute("SELECT field, turn FROM fields ORDER BY turn").fetchall())
    documents[None] = con.execute(_OF_ALL_FIELDS).fetchall()[0] if len(fields) > 1 else documents.get(0, (0, 0))
    empty = {field: documents[turn][2] for field, turn in fields.items() if turn in documents and documents[turn][2]}
    return TextCounts(of(None), {field: of(turn) for field, turn in fields.items()}, empty)


def text_lengths(con: duckdb.DuckDBPyConnection, fields: Sequence[str]) -> dict[str, TextLengths]:
    """From table `state`; of the vector fields whose tokens were counted."""
    found = {}
    for field in fields:
        tokens, lost = (f"{name}[{literal(field)}]" for name in ("tokens", "truncated"))
        row = con.execute(
            f"""SELECT count({tokens}), sum({tokens}), count(*) FILTER ({lost} > 0), sum({lost}),
                coalesce(sum(len(passages[{literal(field)}])), 0) FROM state WHERE NOT deleted"""
        ).fetchall()[0]
        if row[0]:
            found[field] = TextLengths(**dict(zip(_LENGTHS, map(int, row), strict=True)))
    return found
