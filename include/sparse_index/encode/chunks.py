"""Vectors on their way into the store, in chunks. One is written while the next is collected: a store that is far away takes a
tenth of a second, in which the nodes would be idle."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from sparse_index.encode.texts import Encoded
from sparse_index.vectors.files import PartFiles
from sparse_index.vectors.kind import Vector, VectorKind


class Chunks:
    """Vectors of one part; committed all when the block ends, also by an error: answers are paid for."""

    def __init__(self, files: PartFiles, kind: VectorKind, chunk_docs: int) -> None:
        self._files, self._kind, self._chunk_docs = files, kind, chunk_docs
        self._pending: dict[str, Vector] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="chunk")
        self._writing: tuple[Future[None], dict[str, Vector]] | None = None

    def add(self, item: Encoded, texts_in_flight: int) -> None:
        """Keep a vector. What a kill costs at most (being written, pending and in flight) stays within one chunk, unless more
        than half a chunk is in flight: files of a few vectors each would cost more than they save."""
        self._pending[item.text.text_hash] = item.vector
        being_written = len(self._writing[1]) if self._writing else 0
        if being_written + len(self._pending) + texts_in_flight >= self._chunk_docs:
            self._end_writing()
        if len(self._pending) >= max(self._chunk_docs * 3 // 4 - texts_in_flight, self._chunk_docs // 2):
            self._commit()

    def _commit(self) -> None:
        self._end_writing()
        if self._pending:
            table = self._kind.table(self._pending)
            self._writing = self._writer.submit(self._files.write_chunk, table), self._pending
            self._pending = {}

    def _end_writing(self) -> None:
        """Raises what kept a chunk from being written; its vectors are pending again."""
        if self._writing is None:
            return
        (writing, vectors), self._writing = self._writing, None
        try:
            writing.result()
        except BaseException:
            self._pending = vectors | self._pending
            raise

    def __enter__(self) -> Chunks:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._writer:
            try:
                self._end_writing()
            finally:
                # With what a write had that was refused: another one may not be.
                self._commit()
                self._end_writing()
