"""Many small vector files of one encoder become a few large ones, without the vectors that nobody needs any more.

    vectors/<fingerprint>/<first build>-m<digest>.merged.json       the marker: which files become one
    vectors/<fingerprint>/<first build>-m<digest>.parquet           the merged file

The marker comes first, so that a killed compaction is repeated as it was. The sources stay until a later janitor run
finds the merged file old enough: a task that listed them before still reads them. Meanwhile a vector is in two files,
which every reader can bear, as two builds may encode the same text anyway. A source goes only when each of its hashes
is proven to be in the merged file, or, where the source was old enough, to be needed by no kept manifest even then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sparse_index.errors import BuildError
from sparse_index.store.files import Store
from sparse_index.store.manifests import hashes_in
from sparse_index.store.sql import connect, literal, parquet
from sparse_index.values import Frozen
from sparse_index.vectors.files import merge_vectors

SMALL_BYTES = 64_000_000
MERGED_BYTES = 256_000_000
SMALL_FILES = 32
# When nobody needs so many of an old large file's vectors, it is written anew without them.
WASTEFUL_SHARE = 0.1
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
    """What one compaction makes of which files. `target_modified`: None while there is no merged file. `sifted`: the
    sources of which only what is needed goes into it."""

    path: str
    target: str
    sources: tuple[str, ...]
    target_modified: datetime | None
    sifted: tuple[str, ...] = ()


class Merge(Frozen):
    """One compaction: `sources` become `target`; of those in `sifted` only the vectors that `manifests` need."""

    target: str
    sources: tuple[str, ...]
    sifted: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()


def compactions(
    files: Sequence[VectorFile],
    markers: Sequence[Marker],
    unneeded: Mapping[str, float] = MappingProxyType({}),
    manifests: Sequence[str] = (),
) -> Iterator[Merge]:
    """What to merge of the files of one encoder: neighbours by name, so builds stay together. `unneeded`: the share of
    vectors that no one of `manifests`, which are all, needs; of files old enough.

    First what was begun and not finished. Small files are merged when there are 32, large ones are written anew when a
    tenth of them is unneeded: each byte is then rewritten rarely.
    """
    for marker in markers:
        if marker.target_modified is None:
            yield Merge(target=marker.target, sources=marker.sources, sifted=marker.sifted, manifests=tuple(manifests))
    busy = {path for marker in markers for path in (marker.target, *marker.sources)}
    free = [file for file in files if file.path not in busy]
    small = {file.path for file in free if file.size_bytes < SMALL_BYTES}
    wasteful = {path for path, share in unneeded.items() if share >= WASTEFUL_SHARE} - small
    due = wasteful | (small if len(small) >= SMALL_FILES else set())
    beside = {file.path: file for file in free if file.path not in due}
    for group in _groups(sorted((file for file in free if file.path in due), key=lambda file: file.path)):
        # A text that had been left out came back before they went: what they had become is one more to merge.
        while (former := beside.get(_target(group))) is not None:
            group.append(former)
        paths = tuple(file.path for file in group)
        if len(group) > 1 or not wasteful.isdisjoint(paths):
            sifted = tuple(path for path in paths if path in unneeded)
            yield Merge(
                target=_target(group), sources=paths, sifted=sifted, manifests=tuple(manifests) if sifted else ()
            )


def _groups(files: Sequence[VectorFile]) -> Iterator[list[VectorFile]]:
    group: list[VectorFile] = []
    for file in files:
        if group and sum(each.size_bytes for each in group) + file.size_bytes > MERGED_BYTES:
            yield group
            group = []
        group.append(file)
    if group:
        yield group


def _target(group: Sequence[VectorFile]) -> str:
    digest = hashlib.blake2b("\n".join(file.path for file in group).encode(), digest_size=6).hexdigest()
    folder = group[0].path.rpartition("/")[0]
    return f"{folder}/{group[0].build_id}-m{digest}.parquet"


def marker_path(target: str) -> str:
    return target.removesuffix(".parquet") + MARKER_SUFFIX


def compact(store: Store, merge: Merge) -> None:
    """Write the marker, then the merged file. Idempotent; the sources stay."""
    marker = marker_path(merge.target)
    store.write_json(marker, merge.model_dump(mode="json", include={"target", "sources", "sifted"}))
    if not store.exists(merge.target):
        with _readable(merge.target), store.writing(merge.target) as local:
            merge_vectors(store, local, merge.sources, _unneeded(store, merge))


def _unneeded(store: Store, merge: Merge) -> dict[str, set[str]]:
    """The hashes to leave out, by source: no more than a merged file has."""
    left_out: dict[str, set[str]] = {path: set() for path in merge.sifted}
    if left_out:
        path_of = {store.full(path): path for path in merge.sifted}
        query = f"""SELECT filename, text_hash FROM {vectors_in(store, merge.sifted)}
                    ANTI JOIN ({hashes_in(store, merge.manifests)}) USING (text_hash)"""
        with connect(store) as con:
            for name, text_hash in con.execute(query).fetchall():
                left_out[path_of[name]].add(text_hash)
    return left_out


def drop_sources(store: Store, merge: Merge, is_quiet: Callable[[], bool] = lambda: True) -> list[str]:
    """Delete what was merged, then the marker; nothing unless `is_quiet` says, after the proof, that nobody is at work. Gives
    why anything stays, in words.

    A source that was written anew after it had been merged may hold vectors that the merged file lacks, and a text that
    was left out may have come back: then only the marker goes, so that the next compaction takes all of them.
    """
    there = [path for path in merge.sources if store.exists(path)]
    with _readable(merge.target):
        missing = _missing(store, merge, there) if there else 0
    if not is_quiet():
        return [f"what was merged into {merge.target} stays: a run may count on it"]
    for path in [*([] if missing else there), marker_path(merge.target)]:
        store.delete(path)
    if missing:
        return [
            f"what was merged into {merge.target} stays, to be merged anew: {missing} vectors of it are not in there"
        ]
    return []


@contextmanager
def _readable(target: str) -> Iterator[None]:
    try:
        yield
    except BuildError as error:
        raise BuildError(
            f"A file that is, or is to be, merged into {target} cannot be read: {error}. Nothing was deleted. Delete the torn "
            "file; its texts are encoded again."
        ) from error


def _missing(store: Store, merge: Merge, sources: Sequence[str]) -> int:
    """Vectors of these sources that ought to be in the merged file and are not."""
    sifted = ", ".join(literal(store.full(path)) for path in merge.sifted)
    needed = f"text_hash IN ({hashes_in(store, merge.manifests)})"
    with connect(store) as con:
        row = con.execute(
            f"""SELECT count(*) FROM {vectors_in(store, sources)}
                ANTI JOIN (SELECT text_hash FROM {parquet(store, [merge.target])}) kept USING (text_hash)
                {f"WHERE filename NOT IN ({sifted}) OR {needed}" if sifted else ""}"""
        ).fetchone()
    return int(row[0]) if row else 0


def vectors_in(store: Store, files: Sequence[str]) -> str:
    """SQL: `filename` and `text_hash` of each vector in these files."""
    return f"(SELECT filename, text_hash FROM {parquet(store, files, 'filename')})"
