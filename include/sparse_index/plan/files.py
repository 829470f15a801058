"""What a plan writes into the store: manifest, duplicates, parts, and the dead letters of rows that are no documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb

from sparse_index.builds.dead_letters import DeadLetter, with_sources, write_letters
from sparse_index.builds.folder import letters_path
from sparse_index.builds.plan import Part, Plan
from sparse_index.corpus.place import Place
from sparse_index.plan.difference import Difference
from sparse_index.plan.texts import due_query
from sparse_index.plan.writes import writes_query
from sparse_index.store.files import Store
from sparse_index.store.layout import DUPLICATES_FILE
from sparse_index.store.sql import copy_to

_REASONS = {
    "null_id": "the row has no id",
    "empty_id": "the id is empty",
    "id_not_unicode": "the id holds bytes that are no UTF-8 (or U+FFFD, which stands for such)",
    "id_too_long": "the id is longer than 512 bytes of UTF-8",
}


def write_dead_letters(store: Store, difference: Difference, plan: Plan) -> None:
    """One letter a row that cannot be a document; one more than the limit is enough to refuse the build."""
    if plan.counts.dead_letters:
        letters = list(_letters(plan, difference))
        write_letters(store, letters_path(plan, "scan"), with_sources(plan, letters))


def _letters(plan: Plan, difference: Difference) -> Iterator[DeadLetter]:
    for row in difference.unusable_rows(plan.config.limits.max_dead_letters + 1):
        problem, at = row["problem"], plan.created_at
        reason = _REASONS.get(problem, problem)
        yield DeadLetter(row["id"], "scan", problem, reason, 1, plan.build_id, at, Place.of(row))


def write_files(con: duckdb.DuckDBPyConnection, store: Store, difference: Difference, plan: Plan) -> None:
    """The files that the plan names."""
    copy_to(con, store, difference.manifest_query(), plan.manifest)
    if plan.counts.duplicate_ids:
        copy_to(con, store, difference.duplicates_query(), f"{plan.folder}/{DUPLICATES_FILE}")
    for part, low, high in _shares(plan.encode_parts):
        copy_to(con, store, due_query(con, low, high), part.path)
    for part, low, high in _shares(plan.index_parts):
        copy_to(con, store, writes_query(con, low, high), part.path)


def _shares(parts: Sequence[Part]) -> Iterator[tuple[Part, int, int]]:
    """Each part with the places of its rows, counted from 0: the first one, and the one after its last."""
    low = 0
    for part in parts:
        yield part, low, low + part.items
        low += part.items
