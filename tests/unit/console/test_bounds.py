"""How often the store is asked for a page: never once a file, and hardly at all a second time."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from counting_store import CountingStore
from sparse_index.builds.dead_letters import SCHEMA
from sparse_index.console.endings import Endings
from sparse_index.console.letters import LONGEST_SOURCE, letter_files, letter_rows
from sparse_index.console.listed import Listed
from sparse_index.console.overview import STRIP, Row, look, look_back, look_on, rows
from sparse_index.console.readers import READERS
from sparse_index.console.receipts import Receipts
from sparse_index.console.spreadsheet import csv_parts
from sparse_index.console.timeline import SHOWN, timeline

CORPORA, BUILDS = 5, 70
NOW = datetime(2026, 11, 2, tzinfo=UTC)
GATE = {"checks": [{"name": "golden", "verdict": "pass"}]}
LETTERS = {"dead_letters": 0}


def build_id(number: int) -> str:
    return f"20261101T{number // 60:02}{number % 60:02}00-000000"


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    store = CountingStore(str(tmp_path))
    for corpus in range(CORPORA):
        for number in range(BUILDS):
            path = f"c{corpus}/builds/{build_id(number)}/receipt.json"
            store.write_json(path, {"outcome": "promoted", "data_date": "2026-11-01"})
    return store


def test_the_overview_lists_folders_and_reads_one_receipt_a_corpus(store: CountingStore) -> None:
    corpora = [Listed(f"c{number}", f"d{number}", f"c{number}") for number in range(CORPORA)]
    receipts = Receipts()
    seen = [look(each, store, receipts, NOW) for each in corpora]
    assert store.taken() == {"folders": CORPORA, "stat": CORPORA, "read": CORPORA}
    assert all(len(each.ids) == BUILDS for each in seen)
    for each in corpora:
        look(each, store, receipts, NOW)
    assert store.taken() == {"folders": CORPORA, "stat": CORPORA}


def row_of(store: CountingStore, receipts: Receipts) -> Row:
    listed = Listed("c0", "d0", "c0")
    (row,) = rows([listed], {"c0": look(listed, store, receipts, NOW)}, {}, {}, NOW)
    return row


def test_the_former_builds_of_a_page_are_read_once(store: CountingStore) -> None:
    endings, row = Endings(), row_of(store, Receipts())
    store.taken()
    (first,) = look_back([row], endings, NOW)
    assert len(first.seen.recent) == STRIP
    assert store.taken() == {"read": STRIP - 1}
    assert look_back([row], endings, NOW) == [first]
    assert store.taken() == {}


@pytest.mark.parametrize(
    ("newest", "older", "reads"),
    [
        # The newest build has said everything.
        ({"gate": GATE, "books": LETTERS}, {}, 0),
        # No need of an older build comes before its own.
        ({"outcome": "failed"}, {}, 0),
        # Nothing changed, so no gate: the build before it had one.
        ({"outcome": "nothing_changed", "planned": LETTERS}, {"gate": GATE}, 1),
        # Until one is found; nobody else is read for it.
        ({"outcome": "plan_only"}, {}, STRIP - 1),
        # Each build of a feed tells of a partition of its own.
        ({"gate": GATE, "books": LETTERS, "partition": "2026-11-02"}, {}, STRIP - 1),
    ],
)
def test_for_the_order_so_many_builds_are_read_as_may_change_it(
    store: CountingStore, newest: dict[str, Any], older: dict[str, Any], reads: int
) -> None:
    usual = {"outcome": "promoted", "data_date": "2026-11-01"}
    for number, content in ((BUILDS - 1, newest), (BUILDS - 2, older)):
        store.write_json(f"c0/builds/{build_id(number)}/receipt.json", usual | content)
    endings, row = Endings(), row_of(store, Receipts())
    store.taken()
    assert len(look_on([row], endings, NOW)) == 1
    assert sum(store.taken().values()) == reads
    look_on([row], endings, NOW)
    assert store.taken() == {}


def test_a_receipt_that_comes_later_is_looked_for_again(store: CountingStore) -> None:
    endings, row = Endings(), row_of(store, Receipts())
    place = (store, "c0", "20261102T000000-000000")
    assert [each.sort.value for each in endings.of([place])] == ["open"]
    store.write_json("c0/builds/20261102T000000-000000/receipt.json", {"outcome": "failed"})
    assert [each.sort.value for each in endings.of([place, *row.seen.places("c0", 2)])] == ["failed", "promoted"]


def test_former_builds_far_away_are_read_eight_at_a_time(store: CountingStore) -> None:
    far = CountingStore(store.root_uri, read_s=0.03)
    (row,) = look_back([row_of(far, Receipts())], Endings(), NOW)
    assert len(row.seen.recent) == STRIP
    assert 1 < far.most_at_once <= READERS


def test_the_timeline_lists_folders_once_and_reads_a_page(store: CountingStore) -> None:
    receipts = Receipts()
    assert len(timeline(store, receipts, "c0").builds) == SHOWN
    assert store.taken() == {"folders": 1, "stat": SHOWN, "read": SHOWN}
    timeline(store, receipts, "c0")
    assert store.taken() == {"folders": 1, "stat": SHOWN}


def test_a_store_far_away_is_asked_eight_things_at_a_time(store: CountingStore) -> None:
    far = CountingStore(store.root_uri, read_s=0.03)
    assert len(timeline(far, Receipts(), "c0").builds) == SHOWN
    assert 1 < far.most_at_once <= READERS


LONG_ROWS, A_GROUP, SOURCE_CHARS = 1_000, 100, LONGEST_SOURCE


def test_a_table_of_long_rows_is_made_without_holding_it(store: CountingStore) -> None:
    """Of all that is sent a small share is in memory at any time; and nothing is read before it is asked for."""
    source = pa.array(["x" * SOURCE_CHARS] * LONG_ROWS).dictionary_encode().cast(pa.string())
    columns = [source if each.name == "source" else pa.nulls(LONG_ROWS, each.type) for each in SCHEMA]
    path = f"c0/builds/{build_id(0)}/dead_letters/index-00000.parquet"
    store.write_table(path, pa.Table.from_arrays(columns, schema=SCHEMA), A_GROUP)
    store.taken()
    problems, rows = letter_rows(
        store, letter_files(store, Receipts(), "c0", build_id(0)), many=LONG_ROWS, content=True
    )
    assert problems == ()
    assert store.taken() == {"files": 1, "table": 1}
    tracemalloc.start()
    try:
        sent = sum(len(part) for part in csv_parts([row.source] for row in rows))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sent > LONG_ROWS * SOURCE_CHARS
    assert peak_bytes < sent / 2
    assert store.taken() == {"table": LONG_ROWS // A_GROUP}
