"""The janitor on a whole store, with a cluster in which nothing is live, and with runs that begin meanwhile."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from build_plans import corpus_config
from fake_opensearch import fake_cluster, http_error
from fake_runs import FakeRuns
from kinds_of_vectors import SPARSE
from sparse_index.config.corpus import CorpusConfig
from sparse_index.names import new_build_id
from sparse_index.operations.cleanup import Cleanup
from sparse_index.operations.janitor import LOOK_COUNTS_S, clean, look
from sparse_index.operations.sightings import Clusters, Runs, view_corpora, view_store
from sparse_index.operations.vector_use import kept_manifests, reasons_to_wait
from sparse_index.store.files import Store
from sparse_index.store.layout import build_folder, final_manifest_path, manifest_path, plan_path, receipt_path
from sparse_index.timing import Timing
from sparse_index.vectors.sparse import SparseVector

NOW = datetime.now(UTC)
FINGERPRINT, NOBODYS, NOBODYS_TOO = "a" * 16, "b" * 16, "c" * 16
WAS_LIVE, REFUSED = (new_build_id(NOW - timedelta(days=35), token) for token in ("001", "002"))
LIVE_FILES = (plan_path, manifest_path, final_manifest_path, receipt_path)


class Moving(FakeRuns):
    """Runs of which one begins when this was asked so many times."""

    def __init__(self, looks: int) -> None:
        super().__init__({WAS_LIVE: False, REFUSED: False})
        self.left, self.asked = looks, 0

    def is_running(self, alias: str) -> bool:
        self.asked += 1
        return self.asked > self.left


@pytest.fixture
def config(tmp_path: Path) -> CorpusConfig:
    return corpus_config("things", str(tmp_path / "store"), retention={"builds_days": 30, "vectors_days": 30})


@pytest.fixture
def store(config: CorpusConfig) -> Store:
    """Two builds, of which one went live, the vectors of theirs, and those of two encoders that nobody uses; 35 days ago."""
    store = Store(config.store)
    for build, outcome in ((WAS_LIVE, "promoted"), (REFUSED, "failed")):
        store.write_json(plan_path("things", build), {"fingerprint": FINGERPRINT})
        store.write_json(receipt_path("things", build), {"outcome": outcome})
        for path in (manifest_path("things", build), final_manifest_path("things", build)):
            store.write_table(path, pa.table({"id": ["1"], "text_hash": ["h"]}))
    for fingerprint in (FINGERPRINT, NOBODYS, NOBODYS_TOO):
        table = SPARSE.table({"h": SparseVector(("t",), (1.5,))})
        store.write_table(f"vectors/{fingerprint}/{WAS_LIVE}-p00000.parquet", table)
    long_ago = (NOW - timedelta(days=35)).timestamp()
    for file in store.listing():
        os.utime(store.full(file.path), (long_ago, long_ago))
    return store


@pytest.fixture
def clusters(config: CorpusConfig) -> Clusters:
    """Of one that is new: nothing of ours is in it."""

    def answer(method: str, path: str, body: Any) -> Any:
        if path.endswith("/_alias") or "model_groups" in path:
            raise http_error(404, "index_not_found_exception")
        assert (method, path) == ("GET", "/things--b*")
        return {}

    return {config.connection: fake_cluster(answer)}


def cleaned(clusters: Clusters, store: Store, config: CorpusConfig, runs: Runs, step_s: float = 1) -> Cleanup:
    times = count(step=step_s)
    found = look(clusters, store, [config], now=NOW, runs=runs)
    return clean(clusters, store, [config], found, now=NOW, runs=runs, timing=Timing(clock=lambda: next(times)))


def never_live(store: Store) -> None:
    store.write_json(receipt_path("things", WAS_LIVE), {"outcome": "failed"})


def test_what_would_restore_a_lost_index_stays(clusters: Clusters, store: Store, config: CorpusConfig) -> None:
    vectors = set(store.files("vectors"))
    done = cleaned(clusters, store, config, Moving(99))
    left = set(store.files(""))
    assert {path("things", WAS_LIVE) for path in LIVE_FILES} | vectors == left
    assert any(f"no index of 'things' is live, though build {WAS_LIVE} was" in note for note in done.notes)


@pytest.mark.parametrize("receipt", [b"{torn", b"[]", b"{}"])
def test_a_receipt_that_nobody_can_read_stops_no_janitor(
    clusters: Clusters, store: Store, config: CorpusConfig, receipt: bytes
) -> None:
    store.write_bytes(receipt_path("things", REFUSED), receipt)
    cleaned(clusters, store, config, Moving(99))
    assert store.files(build_folder("things", REFUSED)) == []


def test_a_lost_index_keeps_nobody_from_forgetting_and_its_texts_count(
    clusters: Clusters, store: Store, config: CorpusConfig
) -> None:
    files = view_store(store, NOW)
    views, failures = view_corpora(clusters, store, [config], files, Moving(99))
    assert reasons_to_wait(views, files, failures) == []
    assert kept_manifests(files, views)[0][FINGERPRINT] == (final_manifest_path("things", WAS_LIVE),)


def test_a_corpus_of_which_nothing_was_ever_live_keeps_nothing(
    clusters: Clusters, store: Store, config: CorpusConfig
) -> None:
    never_live(store)
    done = cleaned(clusters, store, config, Moving(99))
    assert store.files("") == []
    assert len(done.actions) == 5


def test_what_a_run_that_has_begun_may_need_stays_and_is_not_counted_as_done(
    clusters: Clusters, store: Store, config: CorpusConfig
) -> None:
    never_live(store)
    done = cleaned(clusters, store, config, Moving(2))
    assert len(store.files("vectors")) == 3
    assert len(done.actions) == 2
    assert sum("stay: a run may count on them" in note for note in done.notes) == 3


def test_who_is_at_work_is_not_asked_for_each_file(clusters: Clusters, store: Store, config: CorpusConfig) -> None:
    never_live(store)
    runs = Moving(99)
    cleaned(clusters, store, config, runs)
    assert runs.asked == 3, "twice for the looks, once for three encoders"


def test_who_is_at_work_is_asked_again_after_seconds(clusters: Clusters, store: Store, config: CorpusConfig) -> None:
    never_live(store)
    done = cleaned(clusters, store, config, Moving(3), step_s=LOOK_COUNTS_S)
    assert len(store.files("vectors")) == 2
    assert len(done.actions) == 3


def test_without_a_scheduler_nobody_says_that_a_run_goes_on(
    clusters: Clusters, store: Store, config: CorpusConfig
) -> None:
    found = look(clusters, store, [config], now=NOW, runs=None)
    (said,) = (note for note in found.notes if "only Airflow knows" in note)
    assert f"whether build {REFUSED} of 'things' goes on: let sparse_index_forget or sparse_index_janitor" in said
    assert not any("has a run now" in note for note in found.notes)
