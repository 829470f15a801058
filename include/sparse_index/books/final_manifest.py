"""The manifest of what the candidate really holds: the planned one without the documents that were rejected.

A feed's keeps them as tombstones: the version of an older partition must not come back in their place.
"""

from __future__ import annotations

from sparse_index.builds.dead_letters import letters_files
from sparse_index.builds.folder import final_manifest_path
from sparse_index.builds.plan import Counts, Plan
from sparse_index.store.files import Store
from sparse_index.store.sql import connect, copy_to, parquet

_ROW_GROUP_ROWS = 100_000


def write_final_manifest(store: Store, plan: Plan, letters: list[str]) -> str:
    """The planned manifest less the ids in the dead letter files `letters`; gives its path."""
    path = final_manifest_path(plan)
    rows = f"{_without(store, plan, letters)} ORDER BY file, row_group, row"
    with connect(store) as con:
        copy_to(con, store, rows, path, _ROW_GROUP_ROWS)
    return path


def _without(store: Store, plan: Plan, letters: list[str]) -> str:
    manifest = parquet(store, [plan.manifest])
    if not letters:
        return f"SELECT * FROM {manifest}"
    rejected = f"id IN (SELECT id FROM {parquet(store, letters)} WHERE id IS NOT NULL)"
    if plan.config.kind == "feed":
        return f"SELECT * REPLACE (deleted OR {rejected} AS deleted) FROM {manifest}"
    return f"SELECT * FROM {manifest} WHERE NOT {rejected}"


def count_rejected(store: Store, plan: Plan) -> Counts:
    """How many documents the index stage could not write, by the line of the books they leave.

    A document without text was `blank`; one whose text this build encodes was `encoded`; any other was `reused`.
    """
    letters = letters_files(store, plan, ["index"])
    if not letters:
        return Counts()
    parts = [part.path for part in plan.encode_parts]
    encoded = f"text_hash IN (SELECT text_hash FROM {parquet(store, parts)})" if parts else "false"
    with connect(store) as con:
        row = con.execute(
            f"""SELECT count(*) FILTER (text_hash IS NULL), count(*) FILTER (text_hash IS NOT NULL AND {encoded}), count(*)
                FROM (SELECT DISTINCT id, text_hash FROM {parquet(store, letters)})"""
        ).fetchone()
    blank, fresh, total = row if row is not None else (0, 0, 0)
    return Counts(blank=blank, encoded=fresh, reused=total - blank - fresh, dead_letters=total)
