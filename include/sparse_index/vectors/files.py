"""Vector files of one part of one build: chunks while it runs, one file when it is finished.

    vectors/<fingerprint>/<build>-p<part>-c<digest>.parquet    a chunk: its existence is its commit
    vectors/<fingerprint>/<build>-p<part>.parquet              the finished part

A chunk's name holds a digest of the text hashes in it, so two attempts that run at once never overwrite each
other's work. One of them may merge and delete chunks that the other has just listed, and some object stores list what
is gone, or not yet what is there: then the other lists again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence, Set
from itertools import compress
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from sparse_index.errors import UnavailableError
from sparse_index.store.files import Store, StoredFile
from sparse_index.store.layout import probe_path, vectors_folder
from sparse_index.timing import Sleep

T = TypeVar("T")
ROW_GROUP_ROWS = 1_000
LISTINGS = 3
LISTING_PAUSE_S = 2.0


def vector_files(store: Store, fingerprint: str) -> list[StoredFile]:
    """Every file that has vectors of this encoder, by path; its probe is none."""
    found = store.listing(vectors_folder(fingerprint))
    return [file for file in found if file.path.endswith(".parquet") and file.path != probe_path(fingerprint)]


def vector_paths(store: Store, fingerprint: str) -> list[str]:
    """Their paths."""
    return [file.path for file in vector_files(store, fingerprint)]


def reading_vectors(store: Store, fingerprint: str, read: Callable[[list[str]], T]) -> T:
    """What `read` makes of the paths of an encoder's vectors. Another corpus with that encoder may be at work and merge its
    chunks: where a file is gone that was listed, it is asked again for those that are there now."""
    for _ in range(LISTINGS - 1):
        paths = vector_paths(store, fingerprint)
        try:
            return read(paths)
        except Exception:
            if set(paths).issubset(vector_paths(store, fingerprint)):
                raise
    return read(vector_paths(store, fingerprint))


def largest_in(store: Store, path: str) -> float | None:
    """The largest amount of any number in a file of vectors (no unit), by its footer; None where it has none."""
    return max(_amounts(store.metadata(path)), default=None)


def _amounts(footer: pq.FileMetaData) -> list[float]:
    """The largest amounts by the statistics that a Parquet file has of its numbers."""
    groups = (footer.row_group(number) for number in range(footer.num_row_groups))
    columns = (group.column(number) for group in groups for number in range(group.num_columns))
    numbers = (each.statistics for each in columns if each.physical_type == "FLOAT" and each.is_stats_set)
    return [float(max(abs(each.min), abs(each.max))) for each in numbers if each.has_min_max]


class PartFiles:
    """The vector files of part `part` of build `build_id`."""

    def __init__(self, store: Store, fingerprint: str, build_id: str, part: int, sleep: Sleep = time.sleep) -> None:
        self._store = store
        self._folder = vectors_folder(fingerprint)
        self._stem = f"{build_id}-p{part:05d}"
        self._listed = Retrying(
            stop=stop_after_attempt(LISTINGS),
            wait=wait_fixed(LISTING_PAUSE_S),
            retry=retry_if_exception_type(UnavailableError),
            sleep=sleep,
            reraise=True,
        )

    @property
    def merged_path(self) -> str:
        return f"{self._folder}/{self._stem}.parquet"

    def chunk_paths(self) -> list[str]:
        prefix = f"{self._folder}/{self._stem}-c"
        return [path for path in self._store.files(self._folder, ".parquet") if path.startswith(prefix)]

    def hashes(self) -> set[str]:
        """Hashes of the texts whose vectors are kept already; UnavailableError when no listing holds what it lists."""
        return self._listed(self._hashes)

    def _hashes(self) -> set[str]:
        merged, chunks = self._list()
        return {text_hash for path in merged + chunks for text_hash in self._hashes_of(path)}

    def _list(self) -> tuple[list[str], list[str]]:
        """(The merged file if there is one, the chunks). Chunks first: they go only after the merged file is there, so
        that what is gone in between is in it."""
        chunks = self.chunk_paths()
        return [self.merged_path] if self._store.exists(self.merged_path) else [], chunks

    def _hashes_of(self, path: str) -> list[str]:
        try:
            hashes: list[str] = self._store.read_table(path, ["text_hash"]).column("text_hash").to_pylist()
        except FileNotFoundError as error:
            raise _gone(self._stem, error) from error
        return hashes

    def write_chunk(self, vectors: pa.Table) -> None:
        """`vectors`: as their kind makes a table of them."""
        hashes: list[str] = vectors.column("text_hash").to_pylist()
        digest = hashlib.blake2b("".join(hashes).encode(), digest_size=6).hexdigest()
        path = f"{self._folder}/{self._stem}-c{digest}.parquet"
        self._store.write_table(path, vectors, ROW_GROUP_ROWS)

    def merge(self, expected: int) -> None:
        """Make one file of all, with `expected` vectors or not at all; chunks go only after it is there.

        UnavailableError when no listing has that many: running the task again encodes what is missing.
        """
        self._listed(self._merge, expected)

    def _merge(self, expected: int) -> None:
        merged, chunks = self._list()
        if chunks:
            self._merge_into_one(merged + chunks, expected)
        else:
            self._require(sum(len(self._hashes_of(path)) for path in merged), expected)
        for path in chunks:
            self._store.delete(path)

    def _merge_into_one(self, sources: Sequence[str], expected: int) -> None:
        try:
            # Within the block the merged file is not there yet: one that lacks vectors never replaces a whole one.
            with self._store.writing(self.merged_path) as local:
                self._require(merge_vectors(self._store, local, sources), expected)
        except FileNotFoundError as error:
            raise _gone(self._stem, error) from error

    def _require(self, vectors: int, expected: int) -> None:
        if vectors != expected:
            raise UnavailableError(
                f"The store lists {vectors} vectors of {self._stem}, {expected} are due: another attempt of this task is "
                "at work, or the listing is out of date. Run the task again."
            )


def _gone(stem: str, error: FileNotFoundError) -> UnavailableError:
    return UnavailableError(
        f"The store lists a vector file of {stem} that is gone ({error}): another attempt of this task merged it, or the "
        "listing is out of date. Run the task again."
    )


def merge_vectors(
    store: Store, local: Path, sources: Sequence[str], left_out: Mapping[str, Set[str]] | None = None
) -> int:
    """Write one local file of all, a row group in memory at a time; a hash is written once. Gives its number of vectors.
    Vectors of one encoder have one schema, whatever their kind: that of the first file.

    `left_out`: hashes that are not taken from a source, by its path.
    """
    seen: set[str] = set()
    with pq.ParquetWriter(local, store.schema(sources[0]), compression="zstd") as writer:
        for path in sources:
            _copy(store, path, writer, seen, (left_out or {}).get(path, frozenset()))
    return len(seen)


def _copy(store: Store, path: str, writer: pq.ParquetWriter, seen: set[str], left_out: Set[str]) -> None:
    for batch in store.batches(path, ROW_GROUP_ROWS):
        hashes = batch.column("text_hash").to_pylist()
        fresh = [text_hash not in seen and text_hash not in left_out for text_hash in hashes]
        writer.write_batch(batch.filter(pa.array(fresh)), row_group_size=ROW_GROUP_ROWS)
        seen.update(compress(hashes, fresh))
