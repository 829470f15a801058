"""What a store knows of some documents of one corpus, and the same files without it.

A row is theirs by its id, or, where a row has none (a text that is to be encoded), by the hash of one of their texts. All
looks and joins are DuckDB's; a file is rewritten in one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from sparse_index.operations.sightings import StoreView
from sparse_index.store.files import Store
from sparse_index.store.layout import builds_folder, manifests_folder, probe_path
from sparse_index.store.manifests import hashes_in
from sparse_index.store.sql import connect, copy_to, literal, parquet
from sparse_index.vectors.compaction import vectors_in
from sparse_index.vectors.files import merge_vectors

_BY_ID = "id IN (SELECT id FROM given)"
_BY_TEXT = "text_hash IN (SELECT text_hash FROM texts)"
_TABLES = """
CREATE TABLE given AS SELECT id FROM ids;
CREATE TABLE hits (path VARCHAR, id VARCHAR, text_hash VARCHAR, reason VARCHAR)
"""
_SUMMARIES = """
CREATE TABLE texts AS SELECT DISTINCT text_hash FROM hits WHERE text_hash IS NOT NULL;
CREATE TABLE reasons AS SELECT DISTINCT reason FROM hits WHERE reason <> ''
"""
# An id is a word of its own: "7" is not in "17 rows".
_SPEAKS = r"""
SELECT 1 FROM given WHERE contains($text, id) AND regexp_matches($text, '(^|\W)' || regexp_escape(id) || '(\W|$)')
UNION ALL SELECT 1 FROM reasons WHERE contains($text, reason)
LIMIT 1
"""


@dataclass(frozen=True)
class Traces:
    """`rows`: how many of theirs each Parquet file of the corpus has, where it has any, in the order in which they may go:
    those without an id first, because it takes the others to find them. `columns`: of every such file."""

    con: duckdb.DuckDBPyConnection
    store: Store
    files: StoreView
    alias: str
    columns: Mapping[str, Sequence[str]]
    rows: Mapping[str, int]

    @property
    def known(self) -> int:
        """How many of the ids have a row anywhere."""
        return _number(self.con, "SELECT count(DISTINCT id) FROM hits")

    def remaining(self, manifest: str) -> int:
        """Documents of this manifest that are to stay."""
        rows = parquet(self.store, [manifest])
        return _number(self.con, f"SELECT count(*) FROM {rows} WHERE NOT deleted AND NOT {_BY_ID}")

    def is_named(self, document_id: str) -> bool:
        return _number(self.con, "SELECT count(*) FROM given WHERE id = $id", id=document_id) > 0

    def spoken_of(self, text: str) -> bool:
        """Whether a message names one of them, or repeats why one was refused, which may tell its content."""
        return bool(self.con.execute(_SPEAKS, {"text": text}).fetchall())

    def remove_rows(self, path: str) -> None:
        """Of a scan the whole file goes: the next run reads its shard again."""
        if path.startswith(f"{manifests_folder(self.alias)}/"):
            self.store.delete(path)
            return
        rows = f"SELECT * FROM {parquet(self.store, [path])} WHERE ({_theirs(self.columns[path])}) IS NOT TRUE"
        copy_to(self.con, self.store, rows, path)

    def vectors(self, fingerprint: str, manifests: Sequence[str]) -> dict[str, set[str]]:
        """Hashes of their texts that nobody else in the kept `manifests` has, by vector file; a merged file after those that
        were merged into it: a source with more than it would count as unmerged."""
        files = [file.path for file in self.files.vectors_of(fingerprint)]
        path_of = {self.store.full(path): path for path in files}
        found: dict[str, set[str]] = {}
        if files:
            alone = f"SELECT text_hash FROM texts ANTI JOIN ({self._needed(manifests)}) USING (text_hash)"
            query = f"FROM {vectors_in(self.store, files)} SEMI JOIN ({alone}) USING (text_hash)"
            for name, text_hash in self.con.execute(query).fetchall():
                found.setdefault(path_of[name], set()).add(text_hash)
        merged = {marker.target for marker in self.files.markers_of(fingerprint)}
        return dict(sorted(found.items(), key=lambda item: (item[0] in merged, item[0])))

    def _needed(self, manifests: Sequence[str]) -> str:
        own = [path for path in manifests if path.startswith(f"{self.alias}/")]
        others = hashes_in(self.store, [path for path in manifests if path not in own])
        return f"{hashes_in(self.store, own, f'NOT {_BY_ID}')} UNION ALL {others}"

    def remove_probe_texts(self, fingerprint: str, manifests: Sequence[str]) -> None:
        """Of the corpus' texts in an encoder's probe only those stay that another document in the kept `manifests` has."""
        path = probe_path(fingerprint)
        if any(file.path == path for file in self.files.beside_vectors(fingerprint)):
            kept = f"NOT of_corpus OR text_hash IN ({self._needed(manifests)})"
            copy_to(self.con, self.store, f"SELECT * FROM {parquet(self.store, [path])} WHERE {kept}", path)

    def remove_vectors(self, path: str, hashes: set[str]) -> None:
        with self.store.writing(path) as local:
            merge_vectors(self.store, local, [path], {path: hashes})


@contextmanager
def traces_of(store: Store, files: StoreView, alias: str, ids: pa.Array) -> Iterator[Traces]:
    """The traces of the documents `ids` of the corpus `alias`, as long as the block runs."""
    with connect(store) as con:
        con.register("ids", pa.table({"id": ids}))
        con.execute(_TABLES)
        folders = (builds_folder(alias), manifests_folder(alias))
        paths = [file.path for folder in folders for file in files.under(folder, ".parquet")]
        columns = {path: _columns(con, store, path) for path in paths}
        for path in (path for path in paths if "id" in columns[path]):
            con.execute(_hits(store, path, columns[path]))
        con.execute(_SUMMARIES)
        rows = {path: _number(con, _count(store, path, columns[path])) for path in sorted(paths, key=_place(columns))}
        yield Traces(con, store, files, alias, columns, {path: count for path, count in rows.items() if count})


def _count(store: Store, path: str, columns: Sequence[str]) -> str:
    return f"SELECT count(*) FROM {parquet(store, [path])} WHERE {_theirs(columns)}"


def _columns(con: duckdb.DuckDBPyConnection, store: Store, path: str) -> tuple[str, ...]:
    return tuple(row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {parquet(store, [path])}").fetchall())


def _hits(store: Store, path: str, columns: Sequence[str]) -> str:
    told = ", ".join(name if name in columns else "NULL" for name in ("text_hash", "reason"))
    theirs = f"FROM {parquet(store, [path])} WHERE {_BY_ID}"
    hits = f"INSERT INTO hits SELECT {literal(path)}, id, {told} {theirs}"
    passages = f"SELECT {literal(path)}, id, unnest(flatten(map_values(passages))).text_hash, NULL {theirs}"
    return f"{hits} UNION ALL {passages}" if "passages" in columns else hits


def _theirs(columns: Sequence[str]) -> str:
    """SQL: whether a row of a file with these columns is one of theirs; NULL is no."""
    if "id" not in columns:
        return _BY_TEXT
    return f"{_BY_ID} OR (id IS NULL AND {_BY_TEXT})" if "text_hash" in columns else _BY_ID


def _place(columns: Mapping[str, Sequence[str]]) -> Callable[[str], tuple[bool, bool, str]]:
    return lambda path: ("id" in columns[path], not is_letters(path), path)


def is_letters(path: str) -> bool:
    """Whether it is a file of dead letters."""
    return "/dead_letters/" in path


def _number(con: duckdb.DuckDBPyConnection, query: str, **values: str) -> int:
    return int(con.execute(query, values).fetchall()[0][0])
