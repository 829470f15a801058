"""Dead letters survive the file, and a repeated task leaves only its own."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from build_plans import NOW, corpus_config, make_plan
from sparse_index.dead_letters import (
    LONGEST_REASON,
    DeadLetter,
    Place,
    letters_files,
    letters_path,
    read_letters,
    write_letters,
)
from sparse_index.store import Store


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
    assert read_letters(store, "scan.parquet")[0].place == Place(None, None, None, None, None)
