"""Documents of a feed's earlier partitions that a full build would read again, and cannot: their file is no longer the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import duckdb

from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.parquet import is_version
from sparse_index.errors import CorpusError
from sparse_index.store.sql import literal

_EXAMPLES = 5


class Lost(NamedTuple):
    """`files`: those that changed or are gone; `ids`: of some of the documents in them."""

    files: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


NOTHING = Lost()


def lost_files(con: duckdb.DuckDBPyConnection, config: CorpusConfig) -> Lost:
    """From the table `written` of plan/difference."""
    lost = list(_lost(con, config))
    if not lost:
        return NOTHING
    here = " OR ".join(
        f"(file = {literal(uri)} AND file_version = {literal(version)})" for uri, version in lost[:_EXAMPLES]
    )
    ids = con.execute(f"SELECT id FROM written WHERE NOT read AND ({here}) ORDER BY id LIMIT {_EXAMPLES}").fetchall()
    return Lost(tuple(dict.fromkeys(uri for uri, _ in lost)), tuple(row[0] for row in ids))


def _lost(con: duckdb.DuckDBPyConnection, config: CorpusConfig) -> Iterator[tuple[str, str]]:
    query = "SELECT DISTINCT file, file_version FROM written WHERE NOT read ORDER BY file, file_version"
    for uri, version in con.execute(query).fetchall():
        if not _is_still(config.source.with_secret(uri), version):
            yield uri, version


def _is_still(uri: str, version: str) -> bool:
    try:
        return is_version(uri, version)
    except CorpusError:
        return False
