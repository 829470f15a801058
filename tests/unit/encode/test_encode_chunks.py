"""Chunks are written while requests go on, and what a kill costs stays within one of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from sparse_index.config.encoder import Pruning
from sparse_index.corpus.place import Place
from sparse_index.encode.chunks import Chunks
from sparse_index.encode.texts import Encoded, Text
from sparse_index.errors import UnavailableError
from sparse_index.store.files import Store
from sparse_index.vectors.files import PartFiles
from sparse_index.vectors.sparse import sparse_kind

KIND = sparse_kind(Pruning())
CHUNK, IN_FLIGHT = 32, 4
WAIT_S = 10.0


class SlowStore(Store):
    """Holds each write until it is let go; refuses the first `refusals`."""

    def __init__(self, root: str, refusals: int = 0) -> None:
        super().__init__(root)
        self.refusals, self.held = refusals, threading.Event()

    def write_table(self, path: str, table: pa.Table, row_group_rows: int = 10_000) -> None:
        assert self.held.wait(WAIT_S)
        if self.refusals:
            self.refusals -= 1
            raise UnavailableError("no answer")
        super().write_table(path, table, row_group_rows)


def encoded(number: int) -> Encoded:
    return Encoded(Text("v", f"h{number}", "text", "id", Place("c.parquet", "v1", 0, number)), (("a",), (1.0,)))


def files_in(store: Store) -> PartFiles:
    return PartFiles(store, "f" * 16, "b1", 0)


def hashes(numbers: Sequence[int]) -> set[str]:
    return {f"h{number}" for number in numbers}


def test_vectors_are_collected_while_a_chunk_is_written(tmp_path: Path) -> None:
    store = SlowStore(str(tmp_path))
    with Chunks(files_in(store), KIND, CHUNK) as chunks:
        for number in range(CHUNK - IN_FLIGHT - 1):
            chunks.add(encoded(number), IN_FLIGHT)
        assert files_in(store).hashes() == set()
        store.held.set()
    assert files_in(store).hashes() == hashes(range(CHUNK - IN_FLIGHT - 1))


def test_a_write_that_is_late_is_awaited_before_a_kill_would_cost_more_than_a_chunk(
    tmp_path: Path,
) -> None:
    store = SlowStore(str(tmp_path))
    with Chunks(files_in(store), KIND, CHUNK) as chunks:
        letting_go = threading.Timer(0.05, store.held.set)
        letting_go.start()
        for number in range(CHUNK - IN_FLIGHT):
            chunks.add(encoded(number), IN_FLIGHT)
        assert store.held.is_set()
        assert files_in(store).hashes() == hashes(range(CHUNK * 3 // 4 - IN_FLIGHT))
        letting_go.join()


@pytest.mark.parametrize("texts", [2 * CHUNK, CHUNK - IN_FLIGHT - 1])
def test_what_was_refused_once_is_written_at_the_end(tmp_path: Path, texts: int) -> None:
    """Whether the refusal is seen while vectors come, or when all have come."""
    store = SlowStore(str(tmp_path), refusals=1)
    store.held.set()
    kept: list[int] = []
    with pytest.raises(UnavailableError):
        collect(store, texts, kept)
    assert CHUNK * 3 // 4 - IN_FLIGHT < len(kept) <= texts
    assert files_in(store).hashes() == hashes(kept)


def collect(store: Store, count: int, kept: list[int]) -> None:
    with Chunks(files_in(store), KIND, CHUNK) as chunks:
        for number in range(count):
            kept.append(number)
            chunks.add(encoded(number), IN_FLIGHT)
