"""How often the store is asked for a page: never once a file, and hardly at all a second time."""

from __future__ import annotations

from pathlib import Path

import pytest

from counting_store import CountingStore
from sparse_index.console.listed import Listed
from sparse_index.console.overview import STRIP, look, look_back
from sparse_index.console.readers import READERS
from sparse_index.console.receipts import Receipts
from sparse_index.console.timeline import SHOWN, timeline

CORPORA, BUILDS = 5, 70


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
    seen = look(corpora, lambda _: store, receipts)
    assert store.taken() == {"folders": CORPORA, "stat": CORPORA, "read": CORPORA}
    assert all(len(each.ids) == BUILDS for each in seen.values())
    look(corpora, lambda _: store, receipts)
    assert store.taken() == {"folders": CORPORA, "stat": CORPORA}


def test_the_former_builds_of_a_page_are_read_once(store: CountingStore) -> None:
    receipts, listed = Receipts(), Listed("c0", "d0", "c0")
    seen = look([listed], lambda _: store, receipts)["c0"]
    store.taken()
    first = look_back(seen, store, receipts, "c0")
    assert len(first.recent) == STRIP
    assert store.taken() == {"stat": STRIP - 1, "read": STRIP - 1}
    assert look_back(seen, store, receipts, "c0") == first
    assert store.taken() == {}


def test_a_receipt_that_comes_later_is_looked_for_again(store: CountingStore) -> None:
    receipts, late = Receipts(), "20261102T000000-000000"
    store.write_json(f"c0/builds/{late}/plan.json", {})
    listed = Listed("c0", "d0", "c0")
    seen = look([listed], lambda _: store, receipts)["c0"]
    assert [each.sort.value for each in seen.recent] == ["open", "promoted"]
    store.write_json(f"c0/builds/{late}/receipt.json", {"outcome": "failed"})
    assert look_back(seen, store, receipts, "c0").recent[0].sort.value == "failed"


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
