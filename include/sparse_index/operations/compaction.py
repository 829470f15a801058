"""Many small vector files of one encoder become a few large ones.

    vectors/<fingerprint>/<first build>-m<digest>.parquet           the merged file
    vectors/<fingerprint>/<first build>-m<digest>.merged.json       its marker: which files it replaces

The merged file comes first, then the marker. The sources stay until a later janitor run finds the marker old enough: a
task that listed them before reads them still. Meanwhile a vector is in two files, which every reader can bear, as two
builds may encode the same text anyway.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow.parquet as pq

from sparse_index.encode.vectors import ROW_GROUP_ROWS, VECTOR_SCHEMA
from sparse_index.store import Store

SMALL_BYTES = 64_000_000
MERGED_BYTES = 256_000_000
SMALL_FILES = 32
_MARKER_SUFFIX = ".merged.json"


@dataclass(frozen=True)
class VectorFile:
    path: str
    fingerprint: str
    build_id: str
    size_bytes: int
    modified: datetime


@dataclass(frozen=True)
class Marker:
    """`sources` are all in `target`."""

    path: str
    target: str
    sources: tuple[str, ...]
    modified: datetime


def is_marker(path: str) -> bool:
    return path.endswith(_MARKER_SUFFIX)


def read_marker(store: Store, path: str) -> Marker:
    content = store.read_json(path)
    return Marker(path, content["target"], tuple(content["sources"]), store.modified_at(path))


def compactions(files: Sequence[VectorFile], markers: Sequence[Marker]) -> Iterator[tuple[str, list[str]]]:
    """(merged file, its sources) for the files of one encoder: neighbours by name, so builds stay together.

    Nothing while fewer than 32 small files are there: each byte is then rewritten rarely.
    """
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
    """The same sources give the same name, so a killed compaction is repeated, not doubled."""
    digest = hashlib.blake2b("\n".join(file.path for file in group).encode(), digest_size=6).hexdigest()
    folder = group[0].path.rpartition("/")[0]
    return f"{folder}/{group[0].build_id}-m{digest}.parquet"


def compact(store: Store, target: str, sources: Sequence[str]) -> None:
    """Write `target` (a row group in memory at a time), then its marker. Idempotent."""
    if not store.exists(target):
        with store.writing(target) as local, pq.ParquetWriter(local, VECTOR_SCHEMA, compression="zstd") as writer:
            for path in sources:
                for batch in store.batches(path, ROW_GROUP_ROWS):
                    writer.write_batch(batch, row_group_size=ROW_GROUP_ROWS)
    marker = target.removesuffix(".parquet") + _MARKER_SUFFIX
    if not store.exists(marker):
        store.write_json(marker, {"target": target, "sources": list(sources)})
