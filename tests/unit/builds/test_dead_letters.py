"""Dead letters survive the file, and a repeated task leaves only its own."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from build_plans import NOW, corpus_config, make_plan
from sparse_index.builds.dead_letters import (
    LONGEST_REASON,
    DeadLetter,
    most_frequent,
    read_letters,
    with_sources,
    write_letters,
)
from sparse_index.builds.folder import letters_files, letters_path
from sparse_index.corpus.parquet import file_version
from sparse_index.corpus.place import Place
from sparse_index.store.files import Store


def letter(number: int, reason: str = "why") -> DeadLetter:
    place = Place("corpus.parquet", "v1", 0, number, "00ff")
    return DeadLetter(f"d{number}", "index", "mapper_parsing_exception", reason, 1, "b1", NOW, place, '{"id":1}')


def test_what_is_written_is_read(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    letters = [letter(1), letter(2)]
    assert write_letters(store, "letters.parquet", letters) == 2
    assert read_letters(store, "letters.parquet") == letters


def test_a_repeated_task_without_letters_removes_the_former_ones(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    write_letters(store, "letters.parquet", [letter(1)])
    write_letters(store, "letters.parquet", [])
    assert not store.exists("letters.parquet")


def test_a_stack_trace_as_reason_is_cut(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    write_letters(store, "letters.parquet", [letter(1, "x" * 50_000)])
    assert len(read_letters(store, "letters.parquet")[0].reason) == LONGEST_REASON


def test_files_by_stage(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    plan = make_plan(corpus_config("tickets", str(tmp_path)))
    paths = [letters_path(plan, "scan"), letters_path(plan, "encode", 1), letters_path(plan, "index", 2)]
    for path in paths:
        write_letters(store, path, [letter(1)])
    assert letters_files(store, plan) == sorted(paths)
    assert letters_files(store, plan, ["index"]) == [paths[2]]


def test_a_file_of_another_writer_may_lack_columns(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    row = {"id": None, "stage": "scan", "error_class": "null_id", "reason": "no id", "attempt": 1, "build_id": "b1"}
    store.write_table("scan.parquet", pa.Table.from_pylist([row | {"at": NOW, "source": "{}"}]))
    assert read_letters(store, "scan.parquet")[0].place is None


STRANGE = {
    "binary": pa.array([b"\x00\xff", None], pa.binary()),
    "fixed": pa.array([b"ab", b"cd"], pa.binary(2)),
    "lists": pa.array([[1, 2], None]),
    "bytes in lists": pa.array([[b"\xff"], []], pa.list_(pa.binary())),
    "duration": pa.array([timedelta(seconds=90), None]),
    "time": pa.array([time(6, 30), None]),
    "nanoseconds": pa.array([1, None], pa.time64("ns")),
    "struct": pa.array([{"at": datetime(2025, 3, 1, tzinfo=UTC), "raw": b"\xff"}, None]),
    "far in a struct": pa.array([{"at": 347_000_000_000}, None], pa.struct([("at", pa.timestamp("s"))])),
    "structs": pa.array([[{"n": 1}], []]),
    "map": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
    "decimal": pa.array([Decimal("1.50"), None]),
    "far": pa.array([347_000_000_000, None], pa.timestamp("s")),
    "kind": pa.array(["x", None]).dictionary_encode(),
    "nothing": pa.nulls(2),
    "not a number": pa.array([float("nan"), None]),
    "half": pa.array([1.5, None], pa.float16()),
}


def test_a_row_with_columns_of_any_type_is_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "corpus.parquet"
    pq.write_table(pa.table({"id": ["d0", "d1"]} | STRANGE), path)
    places = [Place(str(path), file_version(str(path)), 0, row) for row in (1, 0)]
    plan = make_plan(corpus_config("tickets", str(tmp_path)))
    letters = list(with_sources(plan, [replace(letter(1), place=place) for place in places]))
    assert [found.place for found in letters] == places[::-1]
    first, second = (json.loads(found.source) for found in letters)
    assert first.keys() == second.keys() == {"id", *STRANGE}
    readable = {name: first[name] for name in ("binary", "fixed", "lists", "bytes in lists", "duration", "time", "map")}
    assert readable == {
        "binary": "AP8=",
        "fixed": "YWI=",
        "lists": [1, 2],
        "bytes in lists": ["/w=="],
        "duration": 90_000_000,
        "time": "06:30:00",
        "map": {"a": 1},
    }
    assert first["struct"] == {"at": "2025-03-01T00:00:00Z", "raw": "/w=="}
    assert {name for name, value in second.items() if value is None} >= {"binary", "duration", "struct", "nothing"}
    assert write_letters(Store(str(tmp_path)), "letters.parquet", letters) == 2


def test_the_reasons_of_a_build_are_counted_over_its_files(tmp_path: Path) -> None:
    store, plan = Store(str(tmp_path)), make_plan(corpus_config("tickets", store=str(tmp_path)))
    write_letters(store, letters_path(plan, "index", 0), [letter(1, "often"), letter(2, "rare")])
    write_letters(store, letters_path(plan, "index", 1), [letter(3, "often")])
    said = {"stage": "index", "error_class": "mapper_parsing_exception"}
    assert most_frequent(store, plan, 1) == [said | {"reason": "often", "letters": 2}]
    assert [each["letters"] for each in most_frequent(store, plan, 9)] == [2, 1]
