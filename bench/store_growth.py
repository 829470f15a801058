"""Size of the vectors of one corpus over 120 simulated days: `python bench/store_growth.py --documents 20000 --change 0.01`.

Each day a share of the documents gets a new text: their vectors are written as a build would write them, and the manifest
of the new live index; then the janitor looks and cleans, as every night. Files are made as old as the simulation says they
are. No server: only the store is looked at. Two lines a day: all vectors kept, and those kept that the retention keeps.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1] / "include"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from build_plans import corpus_config
from sparse_index.builds.state import BuildState
from sparse_index.config.encoder import Pruning
from sparse_index.live.generations import OwnIndex
from sparse_index.live.meta import Meta
from sparse_index.names import candidate_name, new_build_id
from sparse_index.operations.cleanup import plan_cleanup
from sparse_index.operations.janitor import carry_out
from sparse_index.operations.sightings import CorpusView, view_store
from sparse_index.operations.vector_use import view_vector_use
from sparse_index.store.files import Store
from sparse_index.store.layout import VECTORS, final_manifest_path, vectors_folder
from sparse_index.timing import REAL_TIME
from sparse_index.vectors.sparse import SparseVector, sparse_kind

FIRST_DAY = datetime(2026, 1, 1, 3, tzinfo=UTC)
FINGERPRINT = "0123456789abcdef"
TOKENS = 100
DAYS_SHOWN = 10
SPARSE = sparse_kind(Pruning())


class Corpus:
    """Documents with a text each, of which some get a new one every day."""

    def __init__(self, store: Store, documents: int, dice: random.Random) -> None:
        self._store, self._dice = store, dice
        self._texts = [f"{number:032x}" for number in range(documents)]
        self._next = documents
        self._generations: list[OwnIndex] = []

    def build(self, now: datetime, changed: int) -> CorpusView:
        """A day's build: vectors of the new texts, the manifest of all; the live index and one former generation."""
        chosen = self._dice.sample(range(len(self._texts)), changed)
        for place in chosen:
            self._texts[place] = f"{self._next:032x}"
            self._next += 1
        build_id = new_build_id(now, "000")
        written = self._texts if not self._generations else [self._texts[place] for place in chosen]
        table = SPARSE.table({text: self._vector() for text in written})
        _write(self._store, f"{vectors_folder(FINGERPRINT)}/{build_id}-p00000.parquet", table, now)
        manifest = final_manifest_path("things", build_id)
        _write(self._store, manifest, pa.table({"text_hash": self._texts}), now)
        self._generations = [_index(build_id, manifest, now), *self._generations][:2]
        states = {index.meta.build_id: BuildState.ENDED for index in self._generations}
        config = corpus_config("things", "memory://")
        return CorpusView(config, tuple(self._generations), (), (), (), frozenset(), states=states)

    def _vector(self) -> SparseVector:
        weights = sorted((self._dice.random() * 3 for _ in range(TOKENS)), reverse=True)
        return SparseVector(tuple(f"token{self._dice.randrange(30_000)}" for _ in range(TOKENS)), tuple(weights))


def _index(build_id: str, manifest: str, now: datetime) -> OwnIndex:
    meta = Meta(
        alias="things",
        build_id=build_id,
        state="complete",
        data_date=now.date(),
        fingerprint=FINGERPRINT,
        document_hash="h",
        store="memory://",
        manifest=manifest,
        receipt="",
        promoted_at=now,
    )
    return OwnIndex(candidate_name("things", build_id), meta, live=False)


def _write(store: Store, path: str, table: pa.Table, now: datetime) -> None:
    store.write_table(path, table)
    _date(store, path, now)


def _date(store: Store, path: str, now: datetime) -> None:
    os.utime(store.full(path), (now.timestamp(), now.timestamp()))


def clean(store: Store, view: CorpusView, now: datetime, *, drops: bool) -> int:
    """One night of the janitor; gives the bytes it wrote."""
    files = view_store(store, now)
    use = view_vector_use(store, files, [view], now) if drops else None
    before = {file.path for file in files.files}
    for action in plan_cleanup([view], files, now, use=use).actions:
        carry_out(None, store, action, lambda: True, REAL_TIME)
    made = [file for file in store.listing() if file.path not in before]
    for file in made:
        _date(store, file.path, now)
    return sum(file.size_bytes for file in made)


def simulated(documents: int, days: int, change: float, *, drops: bool) -> list[float]:
    """Megabytes of vectors at the end of each day."""
    sizes, rewritten, started = [], 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        store, dice = Store(folder), random.Random(1)
        corpus = Corpus(store, documents, dice)
        for day in range(days):
            now = FIRST_DAY + timedelta(days=day)
            view = corpus.build(now, int(documents * change))
            rewritten += clean(store, view, now + timedelta(hours=1), drops=drops)
            vectors = [file for file in store.listing() if file.path.startswith(f"{VECTORS}/")]
            sizes.append(sum(file.size_bytes for file in vectors) / 1e6)
    print(f"  merged again in all: {rewritten / 1e6:.1f} MB; {time.monotonic() - started:.0f} s")
    return sizes


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--documents", type=int, default=20_000)
    words.add_argument("--days", type=int, default=120)
    words.add_argument("--change", type=float, default=0.01)
    options = words.parse_args()
    print("all vectors kept")
    kept = simulated(options.documents, options.days, options.change, drops=False)
    print("retention.vectors_days: 30")
    dropped = simulated(options.documents, options.days, options.change, drops=True)
    print("day   all kept MB   retention MB")
    for day in range(options.days):
        if day % DAYS_SHOWN == 0 or day == options.days - 1:
            print(f"{day + 1:3}{kept[day]:14.1f}{dropped[day]:15.1f}")
    print(f"largest: {max(kept):.1f} MB and {max(dropped):.1f} MB")


if __name__ == "__main__":
    main()
