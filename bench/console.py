"""Seconds that the console's core takes for its largest pages: overview and timeline, cold and warm, without HTTP.

    PYTHONPATH=include python bench/console.py

The overview has 200 corpora with 60 builds each and a page of 50: snapshots, whose newest build says all that orders them, and
feeds, of which 30 builds each are read for it. The timeline has 60 of 1,000 builds; once on this disk, and again with 30 ms a
read. The dead letters are a million in 100 files, seen in a process of its own, which tells what
its memory grows by. What the pages ask the store is counted by `tests/unit/console/test_bounds.py`.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from sparse_index.builds.dead_letters import SCHEMA
from sparse_index.console.charts import strip
from sparse_index.console.endings import Endings
from sparse_index.console.letters import letter_files, read_letters
from sparse_index.console.listed import Listed
from sparse_index.console.overview import look, look_back, look_on, rows
from sparse_index.console.readers import read_each
from sparse_index.console.receipts import Receipts
from sparse_index.console.timeline import slots, timeline, timeline_charts
from sparse_index.names import new_build_id
from sparse_index.store.files import Store

CORPORA, BUILDS, A_PAGE, MANY = 200, 60, 50, 1_000
READ_S = 0.03
LETTER_FILES, LETTERS_A_FILE = 100, 10_000
NOW = datetime(2026, 11, 1, tzinfo=UTC)
RECEIPT: dict[str, Any] = {
    "outcome": "promoted",
    "summary": "x" * 200,
    "ended_at": NOW.isoformat(),
    "planned": {f"count_{number}": number for number in range(15)},
    "books": {"documents": 9, "dead_letters": 0},
    "encode": {"encoded": 4, "seconds": 2.0},
    "stage_seconds": {f"stage_{number}": 1.5 for number in range(20)},
    "gate": {
        "checks": [
            {"name": f"check_{number}", "verdict": "pass", "value": 1, "limit": 2, "words": "w" * 100}
            for number in range(8)
        ]
    },
}


class FarStore(Store):
    """Each read takes 30 ms, as from an object store."""

    is_local = False

    def read_bytes(self, path: str) -> bytes:
        time.sleep(READ_S)
        return super().read_bytes(path)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        snapshots, feeds = (corpora(store, kind) for kind in (None, "2026-11-01"))
        write_builds(store, "many", MANY)
        print(f"{'':34}{'cold, s':>9}{'warm, s':>9}")
        show(f"overview, {CORPORA} x {BUILDS} builds", lambda kept: overview(store, snapshots, kept))
        show("overview, all of them feeds", lambda kept: overview(store, feeds, kept))
        show(f"timeline, 60 of {MANY:,} builds", lambda kept: builds(store, kept.receipts))
        show("timeline, 30 ms a read", lambda kept: builds(FarStore(folder), kept.receipts))
        write_letters(store)
        with multiprocessing.get_context("spawn").Pool(1) as alone:
            took, grown = alone.apply(letters, (folder,))
        print(f"{f'dead letters, {LETTER_FILES * LETTERS_A_FILE:,}':34}{took:>9.2f}   memory +{grown:.0f} MB")


@dataclass(frozen=True)
class Kept:
    """What an API server keeps between two pages."""

    receipts: Receipts = field(default_factory=Receipts)
    endings: Endings = field(default_factory=Endings)


def corpora(store: Store, partition: str | None) -> list[Listed]:
    """With their builds; `partition`: of a feed's."""
    names = [f"{'feed' if partition else 'snapshot'}{number}" for number in range(CORPORA)]
    for name in names:
        write_builds(store, name, BUILDS, partition)
    return [Listed(name, name, name) for name in names]


def write_builds(store: Store, alias: str, count: int, partition: str | None = None) -> None:
    for number in range(count):
        build_id = new_build_id(NOW + timedelta(hours=number), "000")
        store.write_json(f"{alias}/builds/{build_id}/receipt.json", RECEIPT | {"partition": partition})


def write_letters(store: Store) -> None:
    """Each with a source row of 300 characters; in groups of 500 rows, as a build writes them."""
    rows = [
        {"id": f"document {row}", "stage": "index", "error_class": "mapper_parsing_exception", "attempt": 1}
        | {"reason": f"failed to parse field [{row % 50}] of type [date]", "source": f"{row:0300}", "row": row}
        for row in range(LETTERS_A_FILE)
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    build = new_build_id(NOW, "000")
    for part in range(LETTER_FILES):
        store.write_table(f"refused/builds/{build}/dead_letters/index-{part:05}.parquet", table, row_group_rows=500)


def letters(folder: str) -> tuple[float, float]:
    """(Seconds, by how many MB the most memory in use grew) for a page in the middle, with its sources."""
    store, receipts, before = Store(folder), Receipts(), peak_mb()
    files = letter_files(store, receipts, "refused")
    took = seconds(lambda: read_letters(store, files, first=5_000, content=True))
    return took, peak_mb() - before


def peak_mb() -> float:
    """Of this process since it began (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def show(name: str, page: Callable[[Kept], object]) -> None:
    kept = Kept()
    cold = seconds(lambda: page(kept))
    # Other work on the machine only ever adds to it: the least of three is nearest to the truth.
    warm = min(seconds(lambda: page(kept)) for _ in range(3))
    print(f"{name:34}{cold:>9.2f}{warm:>9.2f}")


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def overview(store: Store, corpora: list[Listed], kept: Kept) -> None:
    seen = read_each(lambda each: look(each, store, kept.receipts, NOW), corpora)
    by_name = {each.corpus: its for each, its in zip(corpora, seen, strict=True)}
    by_newest = rows(corpora, by_name, {}, {}, NOW)
    for row in look_back(look_on(by_newest, kept.endings, NOW)[:A_PAGE], kept.endings, NOW):
        strip("", slots(row.seen.recent, str))


def builds(store: Store, receipts: Receipts) -> None:
    timeline_charts(timeline(store, receipts, "many").builds, str)


if __name__ == "__main__":
    main()
