"""The texts of the documents that are written, which of them have no vector yet, and how long they are, in SQL.

Tables, beside those of plan/difference:

    fields    the vector fields, in turn, with the fingerprint of their encoder
    texts     one row a text of each field: the whole one of a document, or the field's own ones
    known     text hashes of this build whose vector by an encoder is in the store, and whether that is an empty one
    encode    one row a text that an encoder has not encoded yet, for the first field that has it; a document's texts of all
              fields follow each other, so that it is read once
    fresh_documents     the documents of which a text is in there, by field
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

import duckdb

from sparse_index.builds.plan import TextLengths
from sparse_index.store.files import Store
from sparse_index.store.sql import literal, parquet

_LENGTHS = tuple(TextLengths.model_fields)
_PLACE = "file, row_group, row"
_TABLES = """
CREATE TEMP TABLE known (encoder VARCHAR, text_hash VARCHAR, is_empty BOOLEAN);
CREATE TEMP TABLE fields (field VARCHAR, encoder VARCHAR, turn INTEGER, own_texts BOOLEAN)
"""
_TEXTS = """
CREATE TEMP VIEW texts AS
SELECT document, turn, field, encoder, text_hash, file, file_version, row_group, row,
    NULL::INTEGER AS "start", NULL::INTEGER AS "end"
FROM written CROSS JOIN fields WHERE text_hash IS NOT NULL AND NOT own_texts
UNION ALL
SELECT document, turn, field, encoder, passage.text_hash, file, file_version, row_group, row, passage."start", passage."end"
FROM (SELECT *, unnest(passages[field]) AS passage FROM written CROSS JOIN fields WHERE own_texts)
"""
# A text is encoded once by an encoder, where it comes first, however many documents share it. Only texts that come twice are
# looked at closely: a window over all rows would need memory for all of them.
_ENCODE = f"""
CREATE TEMP TABLE unsorted AS
WITH fresh AS (
    FROM texts ANTI JOIN known USING (encoder, text_hash)
), repeated AS (
    SELECT encoder, text_hash FROM fresh GROUP BY encoder, text_hash HAVING count(*) > 1
)
SELECT * FROM fresh ANTI JOIN repeated USING (encoder, text_hash)
UNION ALL
SELECT * EXCLUDE (copy) FROM (
    SELECT *, row_number() OVER (PARTITION BY encoder, text_hash ORDER BY turn, {_PLACE}, "start") AS copy
    FROM fresh SEMI JOIN repeated USING (encoder, text_hash))
WHERE copy = 1;
-- By itself: joins and a sort would share the memory.
CREATE TEMP TABLE encode AS
SELECT *, row_number() OVER () - 1 AS position FROM (FROM unsorted ORDER BY {_PLACE}, turn, "start");
DROP TABLE unsorted
"""
# By itself, too: it is joined again by each count.
_FRESH_DOCUMENTS = (
    "CREATE TEMP TABLE fresh_documents AS SELECT document, field FROM texts SEMI JOIN encode USING (encoder, text_hash)"
)


class Encoder(NamedTuple):
    """`files`: its vectors in the store, of which `empty_rows` (SQL) are empty ones."""

    fingerprint: str
    files: Sequence[str]
    empty_rows: str


def load_texts(
    con: duckdb.DuckDBPyConnection, store: Store, encoders: Mapping[str, Encoder], own_texts: Set[str]
) -> None:
    """Build the tables, after `written`. `encoders`: of each vector field; `own_texts`: the fields that have texts of their
    own."""
    con.execute(_TABLES)
    for turn, (field, encoder) in enumerate(encoders.items()):
        con.execute("INSERT INTO fields VALUES (?, ?, ?, ?)", [field, encoder.fingerprint, turn, field in own_texts])
    con.execute(_TEXTS)
    for encoder in {encoder.fingerprint: encoder for encoder in encoders.values()}.values():
        if encoder.files:
            name = literal(encoder.fingerprint)
            con.execute(
                f"""INSERT INTO known SELECT DISTINCT {name}, text_hash, {encoder.empty_rows} FROM {parquet(store, encoder.files)}
                    WHERE text_hash IN (SELECT text_hash FROM texts WHERE encoder = {name})"""
            )
    con.execute(_ENCODE)
    con.execute(_FRESH_DOCUMENTS)


def empty_documents(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Vector field -> documents all of whose texts have an empty vector in the store."""
    rows = con.execute(
        """WITH nothing AS (FROM texts SEMI JOIN (FROM known WHERE is_empty) empty USING (encoder, text_hash)),
                rest AS (FROM texts SEMI JOIN nothing USING (field, document)
                         ANTI JOIN (FROM known WHERE is_empty) empty USING (encoder, text_hash))
            SELECT field, count(DISTINCT document) FROM nothing ANTI JOIN rest USING (field, document) GROUP BY field"""
    ).fetchall()
    return {field: int(count) for field, count in rows}


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
