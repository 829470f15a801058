"""What the candidate gets, in its order: documents by their place, and deletes spread among them by a hash of their id, so that
no part is made of deletes alone.

Tables, after `written` and `gone` of plan/difference:

    deletes   the ids to delete; `position`: where each stands among all writes
    shares    the documents in a thousand shares of like size: the first of each, and how many deletes come before it

Documents are sorted once, in `written`: where one stands among the writes follows from its number and its share.
"""

from __future__ import annotations

import duckdb

_SHARES = 1024
_IN_WORDS = "file::VARCHAR AS file, file_version::VARCHAR AS file_version"
# The number of documents before a share, when `n` are divided: the first whose number * _SHARES // n is the share.
_FIRST = f"({{share}} * n + {_SHARES - 1}) // {_SHARES}"
_TABLES = f"""
CREATE TEMP TABLE deletes AS
SELECT id, share, row_number() OVER () - 1 + {_FIRST.format(share="(share + 1)")} AS position
FROM (SELECT id, (hash(id) % {_SHARES})::BIGINT AS share FROM ({{gone}}) ORDER BY share, id),
    (SELECT count(*) AS n FROM written);
CREATE TEMP TABLE shares AS
SELECT share, {_FIRST.format(share="share")} AS first, {_FIRST.format(share="(share + 1)")} AS next, coalesce(sum(many) OVER (
    ORDER BY share ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::BIGINT AS deletes
FROM (SELECT range AS share FROM range({_SHARES})) LEFT JOIN (
    SELECT share, count(*) AS many FROM deletes GROUP BY share) USING (share), (SELECT count(*) AS n FROM written)
"""
_DOCUMENTS = """
SELECT min(low), max(high) FROM (
    SELECT greatest(first, {low} - deletes) AS low, least(next, {high} - deletes) AS high FROM shares)
WHERE low < high
"""
_WRITES = f"""
SELECT op, id, file, file_version, row_group, row, text_hash, row_hash, passages FROM (
    SELECT 'index' AS op, id, {_IN_WORDS}, row_group, row, text_hash, CASE WHEN read THEN row_hash END AS row_hash, passages,
        document * {_SHARES} // (SELECT count(*) FROM written) AS share, document
    FROM written WHERE document >= {{first}} AND document < {{last}}
    UNION ALL
    SELECT 'delete', id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, share, NULL
    FROM deletes WHERE position >= {{low}} AND position < {{high}})
ORDER BY share, op DESC, document, id
"""


def load_writes(con: duckdb.DuckDBPyConnection, *, deletes: bool) -> None:
    """Build the tables. `deletes`: whether what is gone is to be deleted."""
    con.execute(_TABLES.format(gone="FROM gone" if deletes else "SELECT id FROM gone WHERE false"))


def count_writes(con: duckdb.DuckDBPyConnection) -> int:
    return sum(int(con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]) for table in ("written", "deletes"))


def writes_query(con: duckdb.DuckDBPyConnection, low: int, high: int) -> str:
    """SQL: the writes from place `low` to before `high`, in their order."""
    first, last = con.execute(_DOCUMENTS.format(low=low, high=high)).fetchall()[0]
    return _WRITES.format(low=low, high=high, first=first or 0, last=last or 0)
