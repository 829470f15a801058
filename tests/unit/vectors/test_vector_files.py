"""Two attempts of one encode task at once, and listings that are out of date: no vector is lost, no short file is made."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from kinds_of_vectors import SPARSE
from sparse_index.errors import UnavailableError
from sparse_index.store.files import Store
from sparse_index.vectors.files import LISTINGS, PartFiles
from sparse_index.vectors.sparse import SparseVector


def vectors(*names: str) -> pa.Table:
    return SPARSE.table({name: SparseVector((name,), (1.0,)) for name in names})


class Intruded:
    """A store where `intrude` happens right after the first listing, as another process may do."""

    def __init__(self, real: Store, intrude: Callable[[], None]) -> None:
        self.real, self.intrude, self.listings = real, intrude, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def files(self, *arguments: str) -> list[str]:
        found = self.real.files(*arguments)
        self.listings += 1
        if self.listings == 1:
            self.intrude()
        return found


def part_files(store: Any, pauses: list[float] | None = None) -> PartFiles:
    return PartFiles(store, "f0", "b1", 0, sleep=(pauses if pauses is not None else []).append)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def test_an_attempt_that_merges_first_takes_nothing_from_the_other(store: Store) -> None:
    other = part_files(store)
    other.write_chunk(vectors("a", "b"))
    other.write_chunk(vectors("c"))
    mine = part_files(Intruded(store, lambda: other.merge(3)))
    mine.merge(3)
    assert mine.hashes() == {"a", "b", "c"}
    assert store.files("vectors") == [mine.merged_path]


def test_what_is_kept_is_read_while_the_other_merges(store: Store) -> None:
    other = part_files(store)
    other.write_chunk(vectors("a", "b"))
    assert part_files(Intruded(store, lambda: other.merge(2))).hashes() == {"a", "b"}


def test_a_listing_that_lags_behind_makes_no_short_file(store: Store) -> None:
    part_files(store).write_chunk(vectors("a"))
    late = part_files(Intruded(store, lambda: part_files(store).write_chunk(vectors("b"))))
    late.merge(2)
    assert late.hashes() == {"a", "b"}


@pytest.mark.parametrize("merged", [False, True])
def test_what_no_listing_shows_is_not_waited_for_for_ever(store: Store, merged: bool) -> None:
    pauses: list[float] = []
    files = part_files(store, pauses)
    files.write_chunk(vectors("a"))
    if merged:
        files.merge(1)
    before = store.files("vectors")
    with pytest.raises(UnavailableError, match=r"lists 1 vectors of b1-p00000, 2 are due.*Run the task again"):
        files.merge(2)
    assert len(pauses) == LISTINGS - 1
    assert store.files("vectors") == before


def test_a_file_that_is_listed_for_ever_and_gone_is_said(store: Store) -> None:
    class Ghost(Store):
        def files(self, folder: str, suffix: str = "") -> list[str]:
            return ["vectors/f0/b1-p00000-cghost.parquet"]

    files = part_files(Ghost(store.root_uri))
    for call in (files.hashes, lambda: files.merge(1)):
        with pytest.raises(UnavailableError, match="a vector file of b1-p00000 that is gone"):
            call()


def test_what_another_worker_writes_is_listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    find = MemoryFileSystem.find

    def kept(self: MemoryFileSystem, path: str, **options: Any) -> Any:
        """As for object stores: a process keeps a listing, unless it is told not to."""
        found = self.dircache[path] if path in self.dircache else find(self, path, **options)
        self.dircache[path] = found
        return found

    monkeypatch.setattr(MemoryFileSystem, "find", kept)
    store = Store(f"memory://{uuid.uuid4().hex}")
    store.write_bytes("a/1", b"")
    assert store.files("a") == ["a/1"]
    MemoryFileSystem().pipe_file(store.full("a/2"), b"")
    assert store.files("a") == ["a/1", "a/2"]
