"""Compacting vectors: the same vectors before, between and after, whoever is killed or reading."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kinds_of_vectors import SPARSE
from plan_help import config_at, planned, row, write
from sparse_index.builds.plan import Plan
from sparse_index.errors import BuildError
from sparse_index.index.join import TextVector, part_rows, vectors_of
from sparse_index.operations.sightings import view_store
from sparse_index.store.files import Store
from sparse_index.store.layout import vectors_folder
from sparse_index.vectors.compaction import Merge, compact, compactions, drop_sources, marker_path
from sparse_index.vectors.sparse import SparseVector

FILES = 40
FINGERPRINT = "0123456789abcdef"
BUILD = "20260101T000000-abcdef"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Forty small files of one build, two vectors each; the last vector of a file is the first of the next one."""
    store = Store(str(tmp_path / "store"))
    for number in range(FILES):
        add(store, number, [f"h{number}", f"h{number + 1}"])
    return store


def add(store: Store, number: int, hashes: Sequence[str]) -> str:
    path = f"{vectors_folder(FINGERPRINT)}/{BUILD}-p{number:05d}.parquet"
    table = SPARSE.table({name: SparseVector((f"token {name}", "b"), (2.5, 0.1)) for name in hashes})
    store.write_table(path, table)
    return path


def vectors(store: Store) -> dict[str, Any]:
    """Text hash -> its vector, over all files; two files agree on a vector they both have."""
    found: dict[str, Any] = {}
    for path in store.files(vectors_folder(FINGERPRINT), ".parquet"):
        for line in store.read_table(path).to_pylist():
            assert found.setdefault(line["text_hash"], line) == line
    return found


def to_compact(store: Store) -> list[Merge]:
    seen = view_store(store, datetime.now(UTC))
    return list(compactions(seen.vectors, seen.markers))


def test_the_vectors_are_the_same_before_between_and_after(store: Store) -> None:
    before = vectors(store)
    (merge,) = to_compact(store)
    compact(store, merge)
    compact(store, merge)
    assert vectors(store) == before
    assert to_compact(store) == [], "the sources are merged already, the merged file is alone"
    merged = store.read_table(merge.target).column("text_hash").to_pylist()
    assert len(merged) == len(set(merged)) == FILES + 1
    drop_sources(store, merge)
    drop_sources(store, merge)
    assert store.files(vectors_folder(FINGERPRINT)) == [merge.target]
    assert vectors(store) == before


_SLOWLY = """
import sys, time
import pyarrow.parquet as pq
from sparse_index.vectors.compaction import Merge, compact
from sparse_index.store.files import Store
write = pq.ParquetWriter.write_batch
def one_only(self, *arguments, **named):
    write(self, *arguments, **named)
    print("writing", flush=True)
    time.sleep(60)
pq.ParquetWriter.write_batch = one_only
compact(Store(sys.argv[1]), Merge(target=sys.argv[2], sources=tuple(sys.argv[3:])))
"""


def test_a_compaction_killed_in_the_middle_is_repeated_as_it_was(store: Store) -> None:
    before = vectors(store)
    (merge,) = to_compact(store)
    arguments = [sys.executable, "-c", _SLOWLY, store.root_uri, merge.target, *merge.sources]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
    assert not store.exists(merge.target)
    assert vectors(store) == before
    add(store, 99, ["h99"])
    assert to_compact(store) == [merge], "not with the file that came after"
    compact(store, merge)
    drop_sources(store, merge)
    assert vectors(store).keys() == before.keys() | {"h99"}


def test_a_source_that_was_written_anew_after_its_merge_is_kept_and_merged_again(store: Store) -> None:
    (merge,) = to_compact(store)
    compact(store, merge)
    add(store, 7, ["h7", "h8", "came later"])
    drop_sources(store, merge)
    assert all(store.exists(path) for path in merge.sources)
    assert not store.exists(marker_path(merge.target))
    (again,) = to_compact(store)
    assert again.target != merge.target
    assert set(again.sources) == {merge.target, *merge.sources}
    compact(store, again)
    drop_sources(store, again)
    assert "came later" in vectors(store)
    assert len(vectors(store)) == FILES + 2


def test_a_torn_file_is_named_and_nothing_is_deleted(store: Store) -> None:
    (merge,) = to_compact(store)
    whole = store.read_bytes(merge.sources[3])
    store.write_bytes(merge.sources[3], whole[:-40])
    with pytest.raises(BuildError, match=rf"merged into {merge.target} cannot be read: .* Delete the torn file"):
        compact(store, merge)
    assert not store.exists(merge.target)
    store.write_bytes(merge.sources[3], whole)
    compact(store, merge)
    store.write_bytes(merge.target, store.read_bytes(merge.target)[:-40])
    with pytest.raises(BuildError, match="cannot be read"):
        drop_sources(store, merge)
    assert all(store.exists(path) for path in merge.sources)


def test_a_view_knows_how_old_a_merge_is(store: Store) -> None:
    (merge,) = to_compact(store)
    compact(store, merge)
    long_ago = time.time() - timedelta(days=2).total_seconds()
    os.utime(store.full(merge.target), (long_ago, long_ago))
    (marker,) = view_store(store, datetime.now(UTC)).markers
    assert (marker.target, marker.sources) == (merge.target, merge.sources)
    assert marker.target_modified is not None
    assert datetime.now(UTC) - marker.target_modified > timedelta(days=1.9)


@pytest.mark.parametrize("content", [[], {}, {"target": "x"}, {"target": "x", "sources": None}, "{"])
def test_an_odd_marker_stops_no_janitor_and_its_files_are_merged_anew(store: Store, content: Any) -> None:
    (merge,) = to_compact(store)
    compact(store, merge)
    path = marker_path(merge.target)
    store.write_json(path, content) if content != "{" else store.write_bytes(path, b"{")
    assert view_store(store, datetime.now(UTC)).markers == ()
    (again,) = to_compact(store)
    assert set(again.sources) == {merge.target, *merge.sources}


@pytest.mark.parametrize("suffix", [".merged.json", "plan.json"])
def test_a_file_that_goes_after_the_listing_stops_no_janitor(
    store: Store, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    (merge,) = to_compact(store)
    compact(store, merge)
    store.write_json("things/builds/20260102T030405-abcdef/plan.json", {})
    found = store.listing()
    monkeypatch.setattr(store, "listing", lambda: found)
    (gone,) = (file.path for file in found if file.path.endswith(suffix))
    store.delete(gone)
    seen = view_store(store, datetime.now(UTC))
    assert gone not in {marker.path for marker in seen.markers} | {plan.path for plan in seen.plans}


def one_file_a_text(store: Store, plan: Plan) -> list[str]:
    texts = [
        text_hash
        for part in plan.encode_parts
        for text_hash in store.read_table(part.path).column("text_hash").to_pylist()
    ]
    for number, text_hash in enumerate(texts):
        path = f"{vectors_folder(plan.fingerprint)}/{plan.build_id}-p{number:05d}.parquet"
        store.write_table(path, SPARSE.table({text_hash: SparseVector((text_hash[:4],), (1.0,))}))
    return texts


def test_an_index_task_that_has_begun_finds_every_vector_through_merge_and_deletion(tmp_path: Path) -> None:
    config = config_at(tmp_path)
    write(tmp_path / "corpus", [row(number, f"words {number}") for number in range(FILES)])
    plan, store = planned(config), Store(config.store)
    texts = one_file_a_text(store, plan)
    (merge,) = to_compact(store)

    part = plan.index_parts[0]
    hashes = [line["text_hash"] for line in part_rows(store, part)]
    vectors = vectors_of(store, plan, part, "text_sparse")
    found = [next(vectors)]
    compact(store, merge)
    drop_sources(store, merge)
    found += vectors
    assert tokens(found) == [[text_hash[:4]] for text_hash in hashes]
    assert len(found) == len(texts) == FILES
    later = vectors_of(store, plan, part, "text_sparse")
    assert tokens(later) == tokens(found), "the merged file serves as well"


def tokens(found: Iterable[Sequence[TextVector]]) -> list[Any]:
    return [text.stored and text.stored["tokens"].as_py() for (text,) in found]
