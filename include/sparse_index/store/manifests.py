"""The texts of a row, in SQL, for all who read manifests and parts.

A row has its whole text in `text_hash`, and in `passages`, by vector field, the texts of the fields that have their own: the hash
of each passage, or of the one whole text, and which characters of the field's text it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparse_index.store.files import Store
from sparse_index.store.sql import parquet

PASSAGES = 'MAP(VARCHAR, STRUCT(text_hash VARCHAR, "start" INTEGER, "end" INTEGER)[])'


def passages_differ(one: str, other: str) -> str:
    """SQL: whether the passages of two rows do. A map has an order, that of the corpus file, which says nothing."""
    said = (f"list_sort(map_entries({row}.passages))" for row in (one, other))
    return f"({one}.passages IS DISTINCT FROM {other}.passages AND {' IS DISTINCT FROM '.join(said)})"


def rows_of(store: Store, paths: Sequence[str]) -> str:
    """SQL: the rows of these files; `passages` is null in those of a version that knew of no such texts."""
    none = f"SELECT NULL::{PASSAGES} AS passages WHERE false"
    return f"(FROM {parquet(store, paths, 'union_by_name')} UNION ALL BY NAME {none})"


def has_text(*, whole: bool) -> str:
    """SQL: whether a row has a text of any vector field. `whole`: some field is made of the whole text."""
    own = "coalesce(cardinality(passages), 0) > 0"
    return f"(text_hash IS NOT NULL OR {own})" if whole else f"({own})"


def hashes_in(store: Store, paths: Sequence[str], where: str = "true") -> str:
    """SQL: `text_hash` of every text that the rows of these manifests or parts have."""
    if not paths:
        return "SELECT NULL::VARCHAR AS text_hash WHERE false"
    rows = f"FROM {rows_of(store, paths)} WHERE {where}"
    divided = f"SELECT unnest(flatten(map_values(passages))).text_hash AS text_hash {rows} AND passages IS NOT NULL"
    return f"SELECT text_hash {rows} AND text_hash IS NOT NULL UNION ALL {divided}"
