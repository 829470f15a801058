"""Vectors that no kept manifest needs go, and no others, however often a run or a janitor is killed in between."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from build_plans import corpus_config
from kinds_of_vectors import SPARSE
from sparse_index.builds.state import BuildState
from sparse_index.live.generations import OwnIndex
from sparse_index.live.meta import Meta
from sparse_index.names import candidate_name, new_build_id
from sparse_index.operations.cleanup import Action, Kind, plan_cleanup
from sparse_index.operations.janitor import carry_out
from sparse_index.operations.sightings import CorpusView, view_store
from sparse_index.operations.vector_use import VectorUse, view_vector_use
from sparse_index.store.files import Store
from sparse_index.store.layout import build_folder, probe_path, tokenizer_path, vectors_folder
from sparse_index.timing import REAL_TIME
from sparse_index.vectors.compaction import SMALL_FILES, marker_path
from sparse_index.vectors.sparse import SparseVector

NOW = datetime.now(UTC)
FINGERPRINT = "0123456789abcdef"
AT_WORK, ENDED, UNKNOWN = BuildState.AT_WORK, BuildState.ENDED, BuildState.UNKNOWN


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def build(days: float) -> str:
    return new_build_id(NOW - timedelta(days=days), "000")


def add(store: Store, days: float, *hashes: str, part: int = 0) -> str:
    """A file of vectors that was written so many days ago."""
    path = f"{vectors_folder(FINGERPRINT)}/{build(days)}-p{part:05d}.parquet"
    store.write_table(path, SPARSE.table({name: SparseVector((f"token {name}",), (1.5,)) for name in hashes}))
    aged(store, path, days)
    return path


def aged(store: Store, path: str, days: float) -> None:
    when = (NOW - timedelta(days=days)).timestamp()
    os.utime(store.full(path), (when, when))


def manifest(store: Store, build_id: str, *hashes: str, alias: str = "things", name: str = "manifest-final") -> str:
    path = f"{build_folder(alias, build_id)}/{name}.parquet"
    store.write_table(path, pa.table({"id": list(hashes), "text_hash": [*hashes[:-1], hashes[-1]]}))
    return path


def index(store: Store, days: float, *hashes: str, alias: str = "things", live: bool = True) -> OwnIndex:
    """An index and its manifest. Its plan is gone, as that of an old one may be."""
    build_id = build(days)
    path = manifest(store, build_id, *hashes, alias=alias)
    meta = Meta(
        alias=alias,
        build_id=build_id,
        state="complete",
        data_date=NOW.date(),
        fingerprint=FINGERPRINT,
        document_hash="h",
        store=store.root_uri,
        manifest=path,
        receipt="r",
        promoted_at=NOW,
    )
    return OwnIndex(candidate_name(alias, build_id), meta, live)


def view(*indices: OwnIndex, alias: str = "things", states: Mapping[str, BuildState] | None = None) -> CorpusView:
    config = corpus_config(alias, "memory://", retention={"vectors_days": 30})
    known = {each.meta.build_id: ENDED for each in indices} | dict(states or {})
    return CorpusView(config, indices, (), (), (), frozenset(), states=known)


def plan(store: Store, build_id: str) -> None:
    store.write_json(f"{build_folder('things', build_id)}/plan.json", {"fingerprint": FINGERPRINT})


def use(store: Store, *views: CorpusView) -> VectorUse:
    return view_vector_use(store, view_store(store, NOW), views, NOW)


def actions(store: Store, *views: CorpusView, now: datetime = NOW) -> list[Action]:
    files = view_store(store, now)
    found = plan_cleanup(views, files, now, use=view_vector_use(store, files, views, now)).actions
    return [action for action in found if action.kind in (Kind.VECTORS, Kind.COMPACT, Kind.MERGED)]


def done(store: Store, found: Sequence[Action], *, quiet: bool = True) -> None:
    for action in found:
        stays = carry_out(None, store, action, lambda: quiet, REAL_TIME)
        assert stays or quiet


def hashes(store: Store) -> set[str]:
    paths = store.files(vectors_folder(FINGERPRINT), ".parquet")
    return {name for path in paths for name in store.read_table(path).column("text_hash").to_pylist()}


def test_a_file_nobody_needs_goes_when_it_is_old(store: Store) -> None:
    old, young = add(store, 31, "a", "b"), add(store, 29, "c")
    kept = add(store, 40, "k")
    corpus = view(index(store, 1, "k"))
    (action,) = actions(store, corpus)
    assert (action.kind, action.paths) == (Kind.VECTORS, (old,))
    done(store, [action], quiet=False)
    assert store.exists(old), "a run has begun meanwhile"
    done(store, [action])
    assert store.files(vectors_folder(FINGERPRINT)) == sorted([kept, young])


def test_the_probe_of_an_encoder_stays_as_long_as_the_encoder_is_used_and_goes_after_its_vectors(store: Store) -> None:
    path, probe, tokenizer = add(store, 50, "a"), probe_path(FINGERPRINT), tokenizer_path(FINGERPRINT)
    for each in (probe, tokenizer):
        store.write_bytes(each, b"kept")
        aged(store, each, 60)
    assert actions(store, view(index(store, 1, "a"))) == []
    (action,) = actions(store, view(index(store, 1, "b")))
    assert action.paths == (path,), "the encoder is used, its vectors are not"
    done(store, [action])
    (action,) = actions(store, view())
    assert action.paths == (probe, tokenizer), "nobody uses the encoder"
    aged(store, probe, 1)
    assert actions(store, view()) == [], "somebody has just begun to"


@pytest.mark.parametrize(
    "who", ["live index", "former generation", "other corpus", "unknown build", "stranger's build"]
)
def test_what_anybody_may_need_stays(store: Store, who: str) -> None:
    path = add(store, 60, "a")
    views = [view(index(store, 1, "x"))]
    if who == "live index":
        views = [view(index(store, 1, "a"))]
    elif who == "former generation":
        views = [view(index(store, 1, "x"), index(store, 2, "a", live=False))]
    elif who == "other corpus":
        views.append(view(index(store, 1, "a", alias="news"), alias="news"))
    else:
        working = build(50)
        plan(store, working)
        manifest(store, working, "a", name="manifest")
        views = [view(index(store, 1, "x"), states={working: UNKNOWN} if who == "unknown build" else {})]
    assert use(store, *views).unneeded == {}
    assert actions(store, *views) == []
    assert store.exists(path)


def test_an_ended_build_and_its_candidate_need_nothing(store: Store) -> None:
    path, failed = add(store, 60, "a"), build(5)
    plan(store, failed)
    manifest(store, failed, "a", name="manifest")
    candidate = index(store, 5, "a")
    dead = OwnIndex(candidate.name, candidate.meta.model_copy(update={"promoted_at": None}), live=False)
    assert use(store, view(index(store, 1, "x"), dead, states={failed: ENDED})).unneeded == {path: 1.0}


def test_a_kept_manifest_that_cannot_be_found_or_read_keeps_all(store: Store) -> None:
    add(store, 60, "a")
    live = index(store, 1, "x")
    path = store.full(live.meta.manifest)
    Path(path).write_bytes(b"torn")
    torn = use(store, view(live))
    Path(path).unlink()
    missing = use(store, view(live))
    assert (torn.unneeded, missing.unneeded) == ({}, {})
    assert FINGERPRINT in torn.doubts
    assert "cannot be found" in missing.doubts[FINGERPRINT]
    assert actions(store, view(live)) == []


def spread(store: Store, days: float, names: Collection[str]) -> None:
    for number, name in enumerate(sorted(names)):
        add(store, days, name, f"dead {name}", part=number)


def test_a_merge_leaves_out_what_is_old_and_unneeded(store: Store) -> None:
    names = {f"k{number}" for number in range(SMALL_FILES)}
    spread(store, 40, names)
    young = add(store, 2, "young")
    corpus = view(index(store, 1, *names))
    (merge,) = actions(store, corpus)
    assert young in merge.paths
    assert young not in merge.sifted
    # Killed before the merged file was there: the marker knows what was to be left out.
    store.write_json(marker_path(merge.target), merge.merge.model_dump(include={"target", "sources", "sifted"}))
    (again,) = actions(store, corpus)
    assert again.merge == merge.merge
    done(store, [again])
    assert set(store.read_table(merge.target).column("text_hash").to_pylist()) == names | {"young"}
    aged(store, merge.target, 2)
    (drop,) = actions(store, corpus)
    assert drop.kind is Kind.MERGED
    done(store, [drop], quiet=False)
    assert len(hashes(store)) == 2 * SMALL_FILES + 1
    done(store, [drop])
    assert hashes(store) == names | {"young"}
    assert store.files(vectors_folder(FINGERPRINT)) == [merge.target]


def test_a_text_that_comes_back_before_the_sources_went_is_kept(store: Store) -> None:
    names = {f"k{number}" for number in range(SMALL_FILES)}
    spread(store, 40, names)
    (merge,) = actions(store, view(index(store, 1, *names)))
    done(store, [merge])
    aged(store, merge.target, 2)
    later = view(index(store, 0.5, *names, "dead k3"))
    (drop,) = actions(store, later)
    (stays,) = carry_out(None, store, drop, lambda: True, REAL_TIME)
    assert f"{merge.target} stays, to be merged anew: 1 vectors of it are not in there" in stays
    assert "dead k3" in hashes(store)
    assert not store.exists(marker_path(merge.target))
    (again,) = actions(store, later)
    done(store, [again])
    aged(store, again.target, 2)
    done(store, actions(store, later))
    assert hashes(store) == names | {"dead k3"}


def test_a_large_file_is_written_anew_when_a_tenth_of_it_is_unneeded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparse_index.vectors.compaction.SMALL_BYTES", 10)
    names = [f"k{number}" for number in range(100)]
    path = add(store, 60, *names)
    assert actions(store, view(index(store, 1, *names[:91]))) == []
    (merge,) = actions(store, view(index(store, 1, *names[:90])))
    assert (merge.paths, merge.sifted) == ((path,), (path,))
    done(store, [merge])
    assert store.read_table(merge.target).num_rows == 90


def test_a_text_that_comes_back_into_a_large_file_is_merged_with_what_became_of_that_file(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparse_index.vectors.compaction.SMALL_BYTES", 10)
    names = [f"k{number}" for number in range(100)]
    path = add(store, 60, *names)
    (merge,) = actions(store, view(index(store, 1, *names[:80])))
    done(store, [merge])
    for texts in (81, 82):
        later = view(index(store, texts / 1000, *names[:texts]))
        aged(store, merge.target, 2)
        done(store, actions(store, later))
        former, (merge,) = merge, actions(store, later)
        assert set(merge.paths) >= {path, former.target}
        done(store, [merge])
    aged(store, merge.target, 2)
    done(store, actions(store, later))
    assert store.files(vectors_folder(FINGERPRINT)) == [merge.target]
    assert hashes(store) == set(names[:82])
    assert actions(store, later) == []
