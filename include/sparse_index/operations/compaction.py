"""Many small vector files of one encoder become a few large ones.

    vectors/<fingerprint>/<first build>-m<digest>.merged.json       the marker: which files become one
    vectors/<fingerprint>/<first build>-m<digest>.parquet           the merged file

The marker comes first, so that a killed compaction is repeated as it was. The sources stay until a later janitor run
finds the merged file old enough: a task that listed them before still reads them. Meanwhile a vector is in two files,
which every reader can bear, as two builds may encode the same text anyway. A source goes only when each of its hashes
is proven to be in the merged file.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from sparse_index.encode.files import merge_vectors
from sparse_index.errors import BuildError
from sparse_index.plan.sql import connect, parquet
from sparse_index.store import Store

log = logging.getLogger(__name__)

SMALL_BYTES = 64_000_000
MERGED_BYTES = 256_000_000
SMALL_FILES = 32
MARKER_SUFFIX = ".merged.json"


@dataclass(frozen=True)
class VectorFile:
    """A file of vectors; `build_id`: who wrote it."""

    path: str
    fingerprint: str
    build_id: str
    size_bytes: int
    modified: datetime


@dataclass(frozen=True)
class Marker:
    """What one compaction makes of which files. `target_modified`: None while there is no merged file."""

    path: str
    target: str
    sources: tuple[str, ...]
    target_modified: datetime | None


def compactions(files: Sequence[VectorFile], markers: Sequence[Marker]) -> Iterator[tuple[str, list[str]]]:
    """(merged file, its sources) for the files of one encoder: neighbours by name, so builds stay together.

    First what was begun and not finished. Nothing new while fewer than 32 small files are there: each byte is then
    rewritten rarely.
    """
    yield from ((marker.target, list(marker.sources)) for marker in markers if marker.target_modified is None)
    busy = {path for marker in markers for path in (marker.target, *marker.sources)}
    small = sorted(
        (file for file in files if file.size_bytes < SMALL_BYTES and file.path not in busy), key=lambda file: file.path
    )
    if len(small) < SMALL_FILES:
        return
    for group in _groups(small):
        if len(group) > 1:
            yield _target(group), [file.path for file in group]


def _groups(files: Sequence[VectorFile]) -> Iterator[list[VectorFile]]:
    group: list[VectorFile] = []
    for file in files:
        if group and sum(each.size_bytes for each in group) + file.size_bytes > MERGED_BYTES:
            yield group
            group = []
        group.append(file)
    yield group


def _target(group: Sequence[VectorFile]) -> str:
    digest = hashlib.blake2b("\n".join(file.path for file in group).encode(), digest_size=6).hexdigest()
    folder = group[0].path.rpartition("/")[0]
    return f"{folder}/{group[0].build_id}-m{digest}.parquet"


def marker_path(target: str) -> str:
    return target.removesuffix(".parquet") + MARKER_SUFFIX


def compact(store: Store, target: str, sources: Sequence[str]) -> None:
    """Write the marker, then `target`. Idempotent; the sources stay."""
    marker = marker_path(target)
    if not store.exists(marker):
        store.write_json(marker, {"target": target, "sources": list(sources)})
    if not store.exists(target):
        with _readable(target), store.writing(target) as local:
            merge_vectors(store, local, sources)


def drop_sources(store: Store, target: str, sources: Sequence[str]) -> None:
    """Delete what was merged into `target`, then the marker.

    A source that was written anew after it had been merged may hold vectors that `target` lacks: then only the marker
    goes, so that the next compaction takes all of them.
    """
    there = [path for path in sources if store.exists(path)]
    with _readable(target):
        missing = _not_in(store, target, there) if there else 0
    if missing:
        log.warning("%d vectors of what was merged into %s are not in it: its sources stay.", missing, target)
    for path in [*([] if missing else there), marker_path(target)]:
        store.delete(path)


@contextmanager
def _readable(target: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, duckdb.Error) as error:
        raise BuildError(
            f"A file that is, or is to be, merged into {target} cannot be read: {error}. Nothing was deleted. Delete the torn "
            "file; its texts are encoded again."
        ) from error


def _not_in(store: Store, target: str, sources: Sequence[str]) -> int:
    with connect(store) as con:
        row = con.execute(
            f"""SELECT count(*) FROM (SELECT text_hash FROM {parquet(store, sources)}) merged
                ANTI JOIN (SELECT text_hash FROM {parquet(store, [target])}) kept USING (text_hash)"""
        ).fetchone()
    return int(row[0]) if row else 0
