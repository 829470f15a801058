"""Dead letters for people: reasons of many files, and rows of one page, from as little of the files as will do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from sparse_index.builds.dead_letters import SCHEMA
from sparse_index.console.letters import LONGEST_SOURCE, LetterFile, letter_files, read_letters
from sparse_index.console.receipts import Receipts
from sparse_index.store.files import Store

OLD, NEW, CLEAN = "20261101T000000-000000", "20261102T000000-000000", "20261103T000000-000000"
AT = datetime(2026, 11, 1, tzinfo=UTC)


def row(number: int, stage: str, error_class: str, **more: Any) -> dict[str, Any]:
    usual = {
        "id": f"d{number}",
        "stage": stage,
        "error_class": error_class,
        "reason": f"{error_class} it is",
        "attempt": 1,
    }
    place = {"file": "a.parquet", "file_version": "v", "row_group": 0, "row": number, "at": AT}
    return usual | place | {"source": '{"id": 1}', "text_hash": None} | more


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path))
    write(store, OLD, "scan", [row(0, "scan", "NullId", id=None)])
    write(store, OLD, "encode-00000", [row(1, "encode", "Refused")])
    write(store, OLD, "index-00000", [row(1, "index", "Refused"), row(2, "index", "Refused")])
    write(
        store, NEW, "index-00000", [row(number, "index", "Mapping" if number % 2 else "Refused") for number in range(9)]
    )
    store.write_json(f"news/builds/{CLEAN}/receipt.json", {"outcome": "promoted", "books": {"dead_letters": 0}})
    write(store, CLEAN, "index-00000", [row(1, "index", "Never read")])
    return store


def write(store: Store, build_id: str, name: str, rows: list[dict[str, Any]], **how: Any) -> None:
    table = pa.Table.from_pylist([each | {"build_id": build_id} for each in rows], schema=SCHEMA)
    store.write_table(f"news/builds/{build_id}/dead_letters/{name}.parquet", table, **how)


def files(store: Store, build_id: str | None = None) -> list[LetterFile]:
    return letter_files(store, Receipts(), "news", build_id)


def test_the_newest_builds_come_first_and_those_that_say_they_have_none_are_not_looked_at(store: Store) -> None:
    assert [each.build_id for each in files(store)] == [NEW, OLD, OLD, OLD]
    assert {each.build_id for each in files(store, OLD)} == {OLD}


@pytest.mark.parametrize(
    "content",
    [
        {"planned": {"dead_letters": 3}, "index": {"dead_letters": 0}},
        # A text was refused, and no row of it yet.
        {"planned": {"dead_letters": 0}, "letters": [{"stage": "encode", "letters": 1}]},
    ],
)
def test_those_of_a_build_that_failed_are_not_left_out(store: Store, content: dict[str, Any]) -> None:
    store.write_json(f"news/builds/{NEW}/receipt.json", {"outcome": "failed", "books": None} | content)
    assert [each.build_id for each in files(store)] == [NEW, OLD, OLD, OLD]


def test_reasons_are_counted_over_builds_and_a_refused_text_is_no_document(store: Store) -> None:
    letters = read_letters(store, files(store))
    counted = {(each.stage, each.error_class): (each.letters, each.builds, each.newest) for each in letters.reasons}
    assert counted == {
        ("index", "Refused"): (7, 2, NEW),
        ("index", "Mapping"): (4, 1, NEW),
        ("scan", "NullId"): (1, 1, OLD),
        ("encode", "Refused"): (1, 1, OLD),
    }
    assert (letters.documents, letters.matching, letters.more, letters.problems) == (12, 12, 0, ())
    assert [each.letters for each in letters.reasons] == [7, 4, 1, 1]


@pytest.mark.parametrize(("error_class", "expected"), [("Refused", 7), ("Mapping", 4), ("Other", 0), (None, 12)])
def test_pages_of_a_class_hold_each_of_its_rows_once(store: Store, error_class: str | None, expected: int) -> None:
    found: list[tuple[str, int]] = []
    for first in range(0, 14, 3):
        letters = read_letters(store, files(store), error_class=error_class, first=first, many=3)
        assert letters.matching == expected
        found += [(each.values["build_id"], each.values["row"]) for each in letters.rows]
    assert len(found) == len(set(found)) == expected
    assert [build for build, _ in found] == sorted((build for build, _ in found), reverse=True)


def test_a_source_is_read_where_it_is_asked_for_and_cut(store: Store) -> None:
    write(store, NEW, "index-00000", [row(1, "index", "Long", source="x" * (LONGEST_SOURCE + 1))])
    (without,) = read_letters(store, files(store, NEW)).rows
    (given,) = read_letters(store, files(store, NEW), content=True).rows
    assert (without.source, without.cut) == (None, False)
    assert (given.source, given.cut) == ("x" * LONGEST_SOURCE, True)


def test_only_the_columns_and_row_groups_that_are_shown_are_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    write(store, NEW, "index-00000", [row(number, "index", "Many") for number in range(100)], row_group_rows=10)
    asked: list[tuple[list[str] | None, Any]] = []
    read_table = Store.read_table

    def seen(self: Store, path: str, columns: list[str] | None = None, row_groups: Any = None) -> pa.Table:
        asked.append((columns, row_groups))
        return read_table(self, path, columns, row_groups)

    monkeypatch.setattr(Store, "read_table", seen)
    letters = read_letters(store, files(store, NEW), first=15, many=10)
    assert [each.values["row"] for each in letters.rows] == list(range(15, 25))
    (counting, _), *paging = asked
    assert counting == ["stage", "error_class", "reason"]
    assert [groups for _, groups in paging] == [[1], [2]]
    assert all(columns is not None and "source" not in columns for columns, _ in paging)


def test_reasons_that_are_as_many_as_letters_are_counted_and_not_all_told(store: Store) -> None:
    write(
        store, NEW, "index-00000", [row(number, "index", "Mapping", reason=f"no {number}") for number in range(1_500)]
    )
    write(store, NEW, "index-00001", [row(number, "index", "Refused") for number in range(3)])
    letters = read_letters(store, files(store, NEW))
    assert (letters.reasons[0].error_class, letters.reasons[0].letters) == ("Refused", 3)
    assert (len(letters.reasons), letters.more, letters.documents) == (100, 1_503 - 3 - 99, 1_503)


def test_a_torn_file_is_named_and_the_others_are_shown(store: Store) -> None:
    path = f"news/builds/{NEW}/dead_letters/index-00000.parquet"
    store.write_bytes(path, store.read_bytes(path)[:-20])
    letters = read_letters(store, files(store))
    assert letters.documents == 3
    (problem,) = letters.problems
    assert path in problem


def test_columns_that_an_earlier_version_did_not_write_are_none(store: Store) -> None:
    table = pa.Table.from_pylist([row(1, "index", "Refused")], schema=SCHEMA).select(
        ["id", "stage", "error_class", "reason"]
    )
    store.write_table(f"news/builds/{NEW}/dead_letters/index-00000.parquet", table)
    (letter,) = read_letters(store, files(store, NEW), content=True).rows
    assert (letter.values["id"], letter.values["row_group"], letter.source) == ("d1", None, None)
