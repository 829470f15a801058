"""The store: what exists is complete, on a local disk and elsewhere."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tracemalloc
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from plan_help import add_vectors, config_at, part_rows, plan_shards, planned, row, write, writes
from s3_server import BUCKET
from sparse_index.builds.plan import load_plan
from sparse_index.errors import ConfigError, UnavailableError
from sparse_index.store.files import Store
from sparse_index.store.layout import plan_path
from sparse_index.store.sql import connect, copy_to, parquet


@pytest.fixture(params=["local", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "s3":
        request.getfixturevalue("s3")
    name = uuid.uuid4().hex
    roots = {"local": str(tmp_path / "store"), "memory": f"memory://{name}/store", "s3": f"s3://{BUCKET}/{name}/store"}
    return Store(roots[request.param])


def test_what_was_written_is_read_back(store: Store) -> None:
    store.write_bytes("a/b.bin", b"\x00\xff")
    store.write_json("a/c.json", {"n": 1, "text": "🦊"})
    store.write_table("a/d.parquet", pa.table({"n": range(5)}))
    assert store.read_bytes("a/b.bin") == b"\x00\xff"
    assert store.read_json("a/c.json") == {"n": 1, "text": "🦊"}
    assert store.read_table("a/d.parquet", ["n"])["n"].to_pylist() == list(range(5))
    assert [batch.num_rows for batch in store.batches("a/d.parquet", 2)] == [2, 2, 1]


def test_a_file_is_read_a_piece_at_a_time(tmp_path: Path) -> None:
    """What Arrow has fetched lies in its own memory or, of a file of Python's, in Python's."""
    store, rows = Store(str(tmp_path)), 20_000
    table = pa.table({"vector": [os.urandom(1_000) for _ in range(rows)]})
    store.write_table("vectors.parquet", table, 500)
    del table
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    largest = max(pa.total_allocated_bytes() - before for _ in store.batches("vectors.parquet", 500))
    python = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "vectors.parquet").stat().st_size > 19_000_000
    assert largest + python < 5_000_000


@pytest.mark.parametrize("group", [2, 3, 100])
def test_only_the_row_groups_around_wanted_rows_are_read(store: Store, group: int) -> None:
    store.write_table("a.parquet", pa.table({"n": range(10)}), group)
    wanted = np.array([0, 5, 5, 9])
    found = list(store.batches_around("a.parquet", wanted, 2))
    read = [n for first, batch in found for n in batch["n"].to_pylist()]
    assert read == [n for n in range(10) if {n // group} & {row // group for row in wanted.tolist()}]
    assert all(batch["n"].to_pylist() == list(range(first, first + len(batch))) for first, batch in found)
    assert max(len(batch) for _, batch in found) <= 2


@pytest.fixture
def ill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Store]:
    """A store with the file a/b/c.json, on a disk that fails each call of `os` of that name for what is in a/b: a network's disk
    whose server went away does."""

    def broken(name: str) -> Store:
        store, whole = Store(str(tmp_path)), getattr(os, name)
        store.write_bytes("a/b/c.json", b"1")

        def fails(path: object, *args: object, **options: object) -> Any:
            if "/a/b" in str(path):
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))
            return whole(path, *args, **options)

        monkeypatch.setattr(os, name, fails)
        return store

    return broken


def test_a_file_of_which_a_disk_does_not_answer_is_not_missing(ill: Callable[[str], Store]) -> None:
    with pytest.raises(UnavailableError, match=r"a/b/c\.json in the store"):
        ill("stat").exists("a/b/c.json")


@pytest.mark.parametrize("folder", ["", "a", "a/b"])
def test_a_folder_that_a_disk_does_not_list_is_not_empty(ill: Callable[[str], Store], folder: str) -> None:
    store = ill("scandir")
    with pytest.raises(UnavailableError, match="in the store"):
        store.files(folder)
    with pytest.raises(UnavailableError, match="in the store"):
        store.listing(folder)


def test_a_listing_says_how_large_and_how_old_each_file_is(store: Store) -> None:
    assert store.listing() == []
    before = datetime.now(UTC) - timedelta(seconds=5)
    for path in ("a/b.bin", "a/.b.bin.0123abcd.tmp", ".spill-x.tmp/1.arrow", "theirs.tmp"):
        store.filesystem.pipe_file(store.full(path), b"12") if not store.is_local else _write(Path(store.full(path)))
    listed = {file.path: file for file in store.listing()}
    assert sorted(listed) == [".spill-x.tmp/1.arrow", "a/.b.bin.0123abcd.tmp", "a/b.bin", "theirs.tmp"]
    assert {file.size_bytes for file in listed.values()} == {2}
    assert all(before <= file.modified <= datetime.now(UTC) for file in listed.values())
    assert {path for path, file in listed.items() if file.is_leftover} == {
        ".spill-x.tmp/1.arrow",
        "a/.b.bin.0123abcd.tmp",
    }


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"12")


def test_files_are_listed_below_their_folder(store: Store) -> None:
    assert store.files("a") == []
    for path in ("a/1.parquet", "a/deep/2.parquet", "a/3.json", "ab/4.parquet"):
        store.write_bytes(path, b"")
    assert store.files("a") == ["a/1.parquet", "a/3.json", "a/deep/2.parquet"]
    assert store.files("a/", ".parquet") == ["a/1.parquet", "a/deep/2.parquet"]


def test_deleting_what_is_gone_is_success(store: Store) -> None:
    store.write_bytes("a", b"1")
    for _ in range(2):
        store.delete("a")
        assert not store.exists("a")


def test_writing_again_replaces(store: Store) -> None:
    for data in (b"first, longer", b"second"):
        store.write_bytes("a", data)
    assert store.read_bytes("a") == b"second"


def fail_in_the_middle(store: Store, path: str) -> None:
    with store.writing(path) as local:
        local.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_copy_is_the_same_bytes_and_replaces_what_was_there(store: Store) -> None:
    store.write_bytes("a/b.bin", b"\x00\xff")
    store.write_bytes("c/d.bin", b"former")
    store.copy("a/b.bin", "c/d.bin")
    assert (store.read_bytes("a/b.bin"), store.read_bytes("c/d.bin")) == (b"\x00\xff", b"\x00\xff")
    with pytest.raises(FileNotFoundError):
        store.copy("a/gone.bin", "c/d.bin")
    assert store.files("") == ["a/b.bin", "c/d.bin"]
    assert store.read_bytes("c/d.bin") == b"\x00\xff"


def test_a_failed_write_leaves_the_former_file_and_nothing_else(store: Store) -> None:
    store.write_bytes("a/b", b"former")
    with pytest.raises(UnavailableError, match="No space left"):
        fail_in_the_middle(store, "a/b")
    assert store.read_bytes("a/b") == b"former"
    assert [name.rsplit("/", 1)[-1] for name in store.filesystem.find(store.full("a"))] == ["b"]


def test_many_writers_of_one_path_leave_one_whole_file(store: Store) -> None:
    contents = [bytes([number]) * 100_000 for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda data: store.write_bytes("a/b", data), contents))
    assert store.read_bytes("a/b") in contents
    assert store.files("") == ["a/b"]


INCLUDE = Path(__file__).parents[3] / "include"
KILLED = """
import os, pathlib, signal, sys
from sparse_index.store.files import Store
kill = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
store = Store(sys.argv[1])
pathlib.Path.replace = kill
{write}
"""
WRITES = {
    "bytes": 'store.write_bytes("a/b", b"x" * 1_000_000)',
    "table": 'import pyarrow as pa; store.write_table("a/b", pa.table({"n": range(1000)}))',
    "half a file": 'with store.writing("a/b") as local: local.write_bytes(b"x"); kill()',
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
@pytest.mark.parametrize("former", [None, b"former"])
def test_a_kill_before_the_move_shows_nothing(tmp_path: Path, write: str, former: bytes | None) -> None:
    store = Store(str(tmp_path))
    if former is not None:
        store.write_bytes("a/b", former)
    command = [sys.executable, "-c", KILLED.format(write=write), str(tmp_path)]
    ended = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(INCLUDE)}, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "a").iterdir())) == (1 if former is None else 2)
    assert store.files("") == ([] if former is None else ["a/b"])
    assert store.exists("a/b") == (former is not None)
    store.write_bytes("a/b", b"again")
    assert store.read_bytes("a/b") == b"again"


def test_duckdb_reads_and_writes_where_the_store_is(store: Store) -> None:
    store.write_table("o'clock/a.parquet", pa.table({"n": range(10)}))
    numbers = parquet(store, ["o'clock/a.parquet"])
    with connect(store) as con:
        query = f"SELECT n + 1 AS n FROM {numbers} WHERE n > 6 ORDER BY n"
        copy_to(con, store, query, "o'clock/b.parquet")
    assert store.read_table("o'clock/b.parquet").to_pylist() == [{"n": 8}, {"n": 9}, {"n": 10}]
    assert store.files("") == ["o'clock/a.parquet", "o'clock/b.parquet"]


@pytest.mark.parametrize("elsewhere", ["memory://", f"s3://{BUCKET}/"])
@pytest.mark.usefixtures("s3")
def test_a_plan_is_the_same_wherever_the_store_is(tmp_path: Path, elsewhere: str) -> None:
    write(tmp_path / "corpus", [row(number) for number in range(9)])
    here = config_at(tmp_path)
    there = config_at(tmp_path, store=f"{elsewhere}{uuid.uuid4().hex}")
    found = []
    for config in (here, there):
        write(tmp_path / "corpus", [row(number) for number in range(9)])
        first = planned(config)
        add_vectors(config, first)
        write(tmp_path / "corpus", [row(0, body="new"), *(row(number) for number in range(1, 10))])
        plan = planned(config, live=first)
        assert load_plan(Store(config.store), plan_path("things", plan.build_id)) == plan
        texts = [item["text_hash"] for item in part_rows(config, plan, "encode")]
        found.append((plan.counts, writes(config, plan), texts))
    assert found[0] == found[1]


@pytest.mark.parametrize("address", ["nosuch://bucket/store", "hdfs3://name/store"])
def test_an_address_that_nothing_installed_can_read_is_said(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigError, match=f"The address {address} cannot be used: .*Install what reads it"):
        Store(address)
    with pytest.raises(ConfigError, match="cannot be used"):
        plan_shards(config_at(tmp_path, source={"uri": address}))
