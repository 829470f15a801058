"""Vector files of one part of one build: chunks while it runs, one file when it is finished.

    vectors/<fingerprint>/<build>-p<part>-c<digest>.parquet    a chunk: its existence is its commit
    vectors/<fingerprint>/<build>-p<part>.parquet              the finished part

A chunk's name holds a digest of the text hashes in it, so two attempts that run at once never overwrite each
other's work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from sparse_index.encode.vectors import ROW_GROUP_ROWS, VECTOR_SCHEMA, SparseVector, vectors_table
from sparse_index.store import Store, vectors_folder


class PartFiles:
    """The vector files of part `part` of build `build_id`."""

    def __init__(self, store: Store, fingerprint: str, build_id: str, part: int) -> None:
        self._store = store
        self._folder = vectors_folder(fingerprint)
        self._stem = f"{build_id}-p{part:05d}"

    @property
    def merged_path(self) -> str:
        return f"{self._folder}/{self._stem}.parquet"

    def chunk_paths(self) -> list[str]:
        prefix = f"{self._folder}/{self._stem}-c"
        return [path for path in self._store.files(self._folder, ".parquet") if path.startswith(prefix)]

    def paths(self) -> list[str]:
        """Every file of this part that exists, the merged one first."""
        merged = [self.merged_path] if self._store.exists(self.merged_path) else []
        return merged + self.chunk_paths()

    def hashes(self) -> set[str]:
        """Hashes of the texts whose vectors are kept already."""
        tables = (self._store.read_table(path, ["text_hash"]) for path in self.paths())
        return {text_hash for table in tables for text_hash in table.column("text_hash").to_pylist()}

    def write_chunk(self, vectors: Mapping[str, SparseVector]) -> None:
        digest = hashlib.blake2b("".join(vectors).encode(), digest_size=6).hexdigest()
        path = f"{self._folder}/{self._stem}-c{digest}.parquet"
        self._store.write_table(path, vectors_table(vectors), ROW_GROUP_ROWS)

    def merge(self) -> int:
        """Make one file of all; chunks go only after it is there. Gives its number of vectors."""
        chunks = self.chunk_paths()
        if chunks:
            rows = merge_vectors(self._store, self.merged_path, self.paths())
            for path in chunks:
                self._store.delete(path)
            return rows
        return self._store.read_table(self.merged_path, ["text_hash"]).num_rows if self.paths() else 0


def merge_vectors(store: Store, target: str, sources: Sequence[str]) -> int:
    """Make one file of all, a row group in memory at a time; a hash is written once. Gives its number of vectors."""
    seen: set[str] = set()
    with store.writing(target) as local, pq.ParquetWriter(local, VECTOR_SCHEMA, compression="zstd") as writer:
        for path in sources:
            _copy(store, path, writer, seen)
    return len(seen)


def _copy(store: Store, path: str, writer: pq.ParquetWriter, seen: set[str]) -> None:
    for batch in store.batches(path, ROW_GROUP_ROWS):
        hashes = batch.column("text_hash").to_pylist()
        fresh = pa.array([text_hash not in seen for text_hash in hashes])
        writer.write_batch(batch.filter(fresh), row_group_size=ROW_GROUP_ROWS)
        seen.update(hashes)
