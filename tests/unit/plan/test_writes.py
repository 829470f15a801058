"""The order of a candidate's writes: documents by place, deletes among them, whatever the parts are."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from sparse_index.plan.writes import count_writes, load_writes, writes_query

_WRITTEN = """
CREATE TABLE written AS
SELECT range AS document, 'd' || range AS id, 'f' AS file, 'v' AS file_version, 0 AS row_group, range::INT AS row,
    't' AS text_hash, 'r' || range AS row_hash, NULL::INT AS passages, range % 2 = 0 AS read FROM range({documents})
"""


def parts(documents: int, gone: int, items: int, *, deletes: bool = True) -> list[list[dict[str, Any]]]:
    with duckdb.connect(":memory:") as con:
        con.execute("SET preserve_insertion_order=false")
        con.execute(_WRITTEN.format(documents=documents))
        con.execute(f"CREATE TABLE gone AS SELECT 'g' || range AS id FROM range({gone})")
        load_writes(con, deletes=deletes)
        count = count_writes(con)
        found = (con.execute(writes_query(con, low, low + items)) for low in range(0, count, items))
        names = ["op", "id", "file", "file_version", "row_group", "row", "text_hash", "row_hash", "passages"]
        return [[dict(zip(names, row, strict=True)) for row in each.fetchall()] for each in found]


@pytest.mark.parametrize("items", [1_000, 7_919])
@pytest.mark.parametrize(
    ("documents", "gone"),
    [(0, 0), (0, 5_000), (5_000, 0), (7, 3), (1_024, 1), (9_000, 40), (40, 9_000), (3_000, 3_000)],
)
def test_each_is_written_once_and_each_part_has_as_many_as_it_is_to_have(documents: int, gone: int, items: int) -> None:
    found = parts(documents, gone, items)
    count = documents + gone
    assert [len(part) for part in found] == [min(items, count - low) for low in range(0, count, items)]
    every = [write for part in found for write in part]
    assert [write["id"] for write in every if write["op"] == "index"] == [f"d{number}" for number in range(documents)]
    assert sorted(write["id"] for write in every if write["op"] == "delete") == sorted(f"g{n}" for n in range(gone))


def test_the_order_is_the_same_in_parts_of_any_size() -> None:
    small, large = ([write["id"] for part in parts(2_000, 500, items) for write in part] for items in (300, 1_000_000))
    assert small == large


def test_deletes_are_spread_over_the_parts() -> None:
    shares = [sum(write["op"] == "delete" for write in part) / len(part) for part in parts(10_000, 10_000, 2_000)]
    assert 0.4 < min(shares) <= max(shares) < 0.6


def test_only_what_was_read_says_its_row_hash_and_a_delete_says_its_id_alone() -> None:
    (part,) = parts(2, 1, 10)
    assert {write["id"]: write["row_hash"] for write in part} == {"d0": "r0", "d1": None, "g0": None}
    deleted = next(write for write in part if write["op"] == "delete")
    assert {name for name, value in deleted.items() if value is not None} == {"op", "id"}


def test_an_empty_index_is_deleted_nothing_from() -> None:
    assert [write["id"] for part in parts(3, 5, 10, deletes=False) for write in part] == ["d0", "d1", "d2"]
