"""Which vectors of a store somebody may still need: those whose text is in a manifest that is kept.

A manifest is kept for every index of every corpus that shares the store, and for every build that may go on. Vectors in
files that were written less than `retention.vectors_days` ago stay in any case: a failed build's serve the next run, and
a text that comes back soon is not encoded again. A merged file was written when it was merged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sparse_index.builds.state import BuildState
from sparse_index.errors import SparseIndexError
from sparse_index.live.generations import OwnIndex
from sparse_index.operations.sightings import CorpusView, StoreView
from sparse_index.store.files import Store
from sparse_index.store.layout import builds_folder, final_manifest_path, manifest_path
from sparse_index.store.manifests import hashes_in
from sparse_index.store.sql import connect
from sparse_index.vectors.compaction import vectors_in


@dataclass(frozen=True)
class VectorUse:
    """`manifests`: the kept ones, by encoder fingerprint. `unneeded`: which share of the vectors of an old file no kept
    manifest needs, where there are any. `doubts`: fingerprint -> why nobody can say what is needed of it."""

    manifests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unneeded: Mapping[str, float] = field(default_factory=dict)
    doubts: Mapping[str, str] = field(default_factory=dict)


def reasons_to_wait(views: Sequence[CorpusView], store: StoreView, failures: Sequence[str]) -> list[str]:
    """Who may count on a vector that nobody here can say, in words; one doubt is one too many."""
    busy = [view.busy for view in views if view.busy]
    unreadable = [f"{plan.path} cannot be read" for plan in store.plans if not plan.fingerprints]
    return [*busy, *unreadable, *(["not every corpus could be looked at"] if failures else [])]


def reasons_to_keep_vectors(views: Sequence[CorpusView], store: StoreView, failures: Sequence[str]) -> list[str]:
    """A vector that goes while somebody counts on it becomes a missing document; without those of a lost index, it costs a model
    to make it again."""
    lost = [
        f"no index of '{view.alias}' is live, though build {max(view.lost_builds)} was: its index may be restored, or made again "
        f"without a model. Run the corpus; if nobody needs it any more, delete {builds_folder(view.alias)} from the store"
        for view in views
        if view.lost_builds
    ]
    return [*reasons_to_wait(views, store, failures), *lost]


def view_vector_use(store: Store, files: StoreView, views: Sequence[CorpusView], now: datetime) -> VectorUse:
    """Every hash of the old files is looked up in the kept manifests, on disk where memory ends."""
    manifests, doubts = kept_manifests(files, views)
    unneeded: dict[str, float] = {}
    youngest = now - timedelta(days=max((view.config.retention.vectors_days for view in views), default=0))
    for fingerprint, needed_by in manifests.items():
        old = [file.path for file in files.vectors_of(fingerprint) if file.modified < youngest]
        try:
            unneeded |= _unneeded(store, old, needed_by)
        except SparseIndexError as error:
            doubts[fingerprint] = error.message
    return VectorUse(manifests, unneeded, doubts)


def kept_manifests(files: StoreView, views: Sequence[CorpusView]) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """By encoder fingerprint: the manifests that are kept, or why nobody can say which."""
    there = {file.path for file in files.files}
    wanted = {fingerprint: set(_manifests(files, views, there, fingerprint)) for fingerprint in files.fingerprints}
    missing = {fingerprint: sorted(paths - there) for fingerprint, paths in wanted.items() if paths - there}
    doubts = {fingerprint: f"{', '.join(paths)} cannot be found" for fingerprint, paths in missing.items()}
    return {name: tuple(sorted(paths)) for name, paths in wanted.items() if name not in doubts}, doubts


def _manifests(files: StoreView, views: Sequence[CorpusView], there: set[str], fingerprint: str) -> Iterator[str]:
    states = {(view.alias, build): state for view in views for build, state in view.states.items()}
    for view in views:
        for index in view.indices:
            if fingerprint in index.meta.encoders and not _is_dead(view, index):
                yield manifest_of(index, there)
        for build in view.lost_builds:
            both = (final_manifest_path(view.alias, build), manifest_path(view.alias, build))
            yield from [path for path in both if path in there][:1]
    for plan in files.plans:
        ended = states.get((plan.alias, plan.build_id)) is BuildState.ENDED
        if fingerprint in plan.fingerprints and not ended:
            yield manifest_path(plan.alias, plan.build_id)


def _is_dead(view: CorpusView, index: OwnIndex) -> bool:
    """A candidate that never went live and never will."""
    return index.is_failed_candidate and view.state(index.meta.build_id) is BuildState.ENDED


def manifest_of(index: OwnIndex, there: Collection[str]) -> str:
    """The final one says what the index holds; before that is written, the planned one does."""
    planned = manifest_path(index.meta.alias, index.meta.build_id)
    return planned if index.meta.manifest not in there and planned in there else index.meta.manifest


def _unneeded(store: Store, files: Sequence[str], manifests: Sequence[str]) -> dict[str, float]:
    if not files:
        return {}
    path_of = {store.full(path): path for path in files}
    with connect(store) as con:
        counts = con.execute(f"SELECT filename, count(*) FROM {vectors_in(store, files)} GROUP BY filename").fetchall()
        unneeded = con.execute(
            f"""SELECT filename, count(*) FROM {vectors_in(store, files)}
                ANTI JOIN ({hashes_in(store, manifests)}) USING (text_hash) GROUP BY filename"""
        ).fetchall()
    rows = dict(counts)
    return {path_of[name]: count / rows[name] for name, count in unneeded}
