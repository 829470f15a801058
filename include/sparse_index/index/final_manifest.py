"""The manifest of what the candidate really holds: the planned one without the documents that were rejected.

A feed's keeps them as tombstones: the version of an older partition must not come back in their place.
"""

from __future__ import annotations

from sparse_index.dead_letters import letters_files
from sparse_index.plan.model import Counts, Plan
from sparse_index.plan.sql import connect
from sparse_index.store import Store

_ROW_GROUP_ROWS = 100_000


def final_manifest_path(plan: Plan) -> str:
    return f"{plan.folder}/manifest-final.parquet"


def write_final_manifest(store: Store, plan: Plan, letters: list[str]) -> str:
    """The planned manifest less the ids in the dead letter files `letters`; gives its path."""
    path = final_manifest_path(plan)
    with store.writing(path) as local, connect(store) as con:
        con.execute(
            f"""COPY (
                    {_without(letters, is_feed=plan.config.kind == "feed")}
                    ORDER BY file, row_group, row
                ) TO '{_quoted(str(local))}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP_ROWS})""",
            {"manifest": store.full(plan.manifest)} | _files(store, letters),
        )
    return path


def _without(letters: list[str], *, is_feed: bool) -> str:
    if not letters:
        return "SELECT * FROM read_parquet($manifest)"
    rejected = "id IN (SELECT id FROM read_parquet($letters) WHERE id IS NOT NULL)"
    if is_feed:
        return f"SELECT * REPLACE (deleted OR {rejected} AS deleted) FROM read_parquet($manifest)"
    return f"SELECT * FROM read_parquet($manifest) WHERE NOT {rejected}"


def _files(store: Store, letters: list[str]) -> dict[str, list[str]]:
    return {"letters": [store.full(path) for path in letters]} if letters else {}


def _quoted(path: str) -> str:
    return path.replace("'", "''")


def count_rejected(store: Store, plan: Plan) -> Counts:
    """How many documents the index stage could not write, by the line of the books they leave.

    A document without text was `blank`; one whose text this build encodes was `encoded`; any other was `reused`.
    """
    letters = letters_files(store, plan, ["index"])
    if not letters:
        return Counts()
    parts = [store.full(part.path) for part in plan.encode_parts]
    encoded = "text_hash IN (SELECT text_hash FROM read_parquet($parts))" if parts else "false"
    with connect(store) as con:
        row = con.execute(
            f"""SELECT count(*) FILTER (text_hash IS NULL), count(*) FILTER (text_hash IS NOT NULL AND {encoded}), count(*)
                FROM (SELECT DISTINCT id, text_hash FROM read_parquet($letters))""",
            _files(store, letters) | ({"parts": parts} if parts else {}),
        ).fetchone()
    blank, fresh, total = row if row is not None else (0, 0, 0)
    return Counts(blank=blank, encoded=fresh, reused=total - blank - fresh, dead_letters=total)
