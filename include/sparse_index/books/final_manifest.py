"""The manifest of what the candidate really holds: the planned one without the documents that were rejected.

A feed's keeps them as tombstones: the version of an older partition must not come back in their place.
"""

from __future__ import annotations

from sparse_index.builds.plan import Counts, Plan
from sparse_index.errors import BuildError
from sparse_index.store.files import Store
from sparse_index.store.layout import final_manifest_path
from sparse_index.store.manifests import has_text, rows_of
from sparse_index.store.sql import connect, copy_to, parquet


def write_final_manifest(store: Store, plan: Plan, letters: list[str]) -> str:
    """The planned manifest less the ids in the dead letter files `letters`; gives its path."""
    path = final_manifest_path(plan.alias, plan.build_id)
    if letters:
        with connect(store) as con:
            copy_to(con, store, _without(store, plan, letters), path)
    else:
        _copy_planned(store, plan, path)
    return path


def _copy_planned(store: Store, plan: Plan, path: str) -> None:
    try:
        store.copy(plan.manifest, path)
    except FileNotFoundError as error:
        raise BuildError(
            f"Build {plan.build_id}: its manifest {plan.manifest} is no longer in the store. Trigger a new run."
        ) from error


def _without(store: Store, plan: Plan, letters: list[str]) -> str:
    manifest = parquet(store, [plan.manifest])
    rejected = f"id IN (SELECT id FROM {parquet(store, letters)} WHERE id IS NOT NULL)"
    if plan.config.kind == "feed":
        return f"SELECT * REPLACE (deleted OR {rejected} AS deleted) FROM {manifest}"
    return f"SELECT * FROM {manifest} WHERE NOT {rejected}"


def count_rejected(store: Store, plan: Plan, letters: list[str]) -> Counts:
    """How many documents the index stage could not write, those in its dead letter files `letters`, by the line of the books
    they leave.

    A document without text was `blank`; one whose text this build encodes was `encoded`; any other was `reused`.
    """
    if not letters:
        return Counts()
    textual = has_text(whole=not all(field.has_own_texts for field in plan.config.vector_fields.values()))
    rows = f"{rows_of(store, [part.path for part in plan.index_parts])} SEMI JOIN {parquet(store, letters)} refused USING (id)"
    with connect(store) as con:
        row = con.execute(
            f"""SELECT count(*) FILTER (NOT {textual}), count(*) FILTER ({textual} AND {_fresh(store, plan)}), count(*)
                FROM {rows} WHERE op = 'index'"""
        ).fetchone()
    blank, fresh, total = row if row is not None else (0, 0, 0)
    return Counts(blank=blank, encoded=fresh, reused=total - blank - fresh, dead_letters=total)


def _fresh(store: Store, plan: Plan) -> str:
    """SQL: whether this build encodes a text of the document, whole or a passage."""
    encoded, written = ([part.path for part in parts] for parts in (plan.encode_parts, plan.index_parts))
    if not encoded:
        return "false"
    texts = f"SELECT id, text_hash FROM {rows_of(store, written)} UNION ALL {_passages(store, written)}"
    return f"id IN (SELECT id FROM ({texts}) SEMI JOIN {parquet(store, encoded)} fresh USING (text_hash))"


def _passages(store: Store, parts: list[str]) -> str:
    return f"SELECT id, unnest(flatten(map_values(passages))).text_hash FROM {rows_of(store, parts)}"
