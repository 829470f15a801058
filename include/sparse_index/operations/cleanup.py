"""What may go, decided from what was seen: a pure function, so that a dry run and the real one cannot differ.

Nothing goes that a live run may need or that an index refers to. What carries our mark but cannot be proven dead is named
in `unproven`, never removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sparse_index.index.generations import kept_and_surplus
from sparse_index.operations.compaction import compactions
from sparse_index.operations.views import BuildView, CorpusView, RunState, StoreView
from sparse_index.plan.model import Frozen

CANDIDATE_KEPT = timedelta(days=3)
BULKY_KEPT = timedelta(days=2)
TEMPORARY_KEPT = timedelta(days=1)
SUPERSEDED_KEPT = timedelta(days=1)
DOUBTFUL_AFTER = timedelta(days=7)


class Kind(StrEnum):
    """What one action removes, or (`compact`) merges."""

    MODELS = "models"
    CANDIDATE = "candidate"
    GENERATION = "generation"
    FILES = "files"
    COMPACT = "compact"


class Action(Frozen):
    """One thing to do. `name`: a model group, an index, or what the files are; `paths`: files of the store; `target`: the
    file that a compaction writes."""

    kind: Kind
    name: str
    reason: str
    alias: str = ""
    paths: tuple[str, ...] = ()
    target: str = ""

    def __str__(self) -> str:
        files = f" ({len(self.paths)} files)" if self.paths else ""
        return f"{self.kind.value}: {self.name}{files}: {self.reason}"


class Cleanup(Frozen):
    """`notes`: worth knowing, needs nobody; `unproven`: what a person has to decide."""

    at: datetime
    actions: list[Action]
    notes: list[str]
    unproven: list[str]

    def __str__(self) -> str:
        lines = [f"{len(self.actions)} things to tidy up.", *map(str, self.actions)]
        return "\n".join(
            [*lines, *(f"note: {note}" for note in self.notes), *(f"unproven: {it}" for it in self.unproven)]
        )


def plan_cleanup(views: Sequence[CorpusView], store: StoreView, now: datetime, failures: Sequence[str] = ()) -> Cleanup:
    """The actions for one store and all corpora that use it. `failures`: corpora that could not be looked at, in words;
    everything of theirs stays."""
    actions = [action for view in views for action in _corpus_actions(view, now)]
    doubts = [doubt for view in views for doubt in _doubts(view, now)]
    known = {view.alias for view in views}
    strangers = sorted({plan.alias for plan in store.plans} - known)
    notes = [f"the store has builds of '{alias}', which was not looked at; they stay" for alias in strangers]
    going = {path for action in actions for path in action.paths}
    actions += _store_actions(views, store, going, now)
    return Cleanup(at=now, actions=actions, notes=notes, unproven=[*failures, *doubts])


def _corpus_actions(view: CorpusView, now: datetime) -> Iterator[Action]:
    yield from _models(view)
    yield from _candidates(view, now)
    yield from _generations(view)
    for build in view.builds:
        yield from _build_files(view, build, now)
    yield from _scans(view, now)


def _models(view: CorpusView) -> Iterator[Action]:
    for group, build_id in view.groups:
        if view.state(build_id) is RunState.ENDED:
            yield Action(kind=Kind.MODELS, alias=view.alias, name=group, reason=f"build {build_id} has ended")


def _candidates(view: CorpusView, now: datetime) -> Iterator[Action]:
    """The newest one stays for some days, to be looked at."""
    for place, index in enumerate(view.failed_candidates):
        old = now - build_time(index.meta.build_id) > CANDIDATE_KEPT
        if view.state(index.meta.build_id) is RunState.ENDED and (place > 0 or old):
            reason = f"build {index.meta.build_id} has ended and never went live"
            yield Action(kind=Kind.CANDIDATE, alias=view.alias, name=index.name, reason=reason)


def _generations(view: CorpusView) -> Iterator[Action]:
    if view.is_busy:
        return
    for name in kept_and_surplus(view.indices, view.config)[1]:
        reason = f"beyond retention.generations ({view.config.retention.generations})"
        yield Action(kind=Kind.GENERATION, alias=view.alias, name=name, reason=reason)


def _build_files(view: CorpusView, build: BuildView, now: datetime) -> Iterator[Action]:
    if build.state is not RunState.ENDED or build.build_id in view.referred_builds:
        return
    age, days = now - build_time(build.build_id), view.config.retention.builds_days
    if age > timedelta(days=days):
        reason = f"older than retention.builds_days ({days}), and no index refers to it"
        yield _files(f"{view.alias}, build {build.build_id}", reason, build.paths)
    elif age > BULKY_KEPT:
        reason = f"parts and manifests of an ended build that no index refers to, older than {BULKY_KEPT.days} days"
        yield _files(f"{view.alias}, build {build.build_id}", reason, build.bulky)


def _scans(view: CorpusView, now: datetime) -> Iterator[Action]:
    """The newest plan names the manifests that the next scan takes over; a plan of before may not name any."""
    if not view.scans_in_use:
        return
    days = view.config.retention.builds_days
    oldest = now - timedelta(days=days)
    unused = [path for path, modified in view.scans if path not in view.scans_in_use and modified < oldest]
    yield _files(f"{view.alias}, scans", f"of files the corpus no longer has, older than {days} days", unused)


def _store_actions(views: Sequence[CorpusView], store: StoreView, going: set[str], now: datetime) -> Iterator[Action]:
    used = _fingerprints(views, store, going)
    days = timedelta(days=max((view.config.retention.builds_days for view in views), default=30))
    for fingerprint in store.fingerprints:
        files = store.vectors_of(fingerprint)
        if fingerprint in used:
            yield from _compact(views, store, fingerprint)
        elif all(now - file.modified > days for file in files):
            paths = [file.path for file in files]
            yield _files(f"vectors of encoder {fingerprint}", "no index and no kept build uses this encoder", paths)
    yield from _superseded(store, now)
    old = [path for path, modified in store.temporary if now - modified > TEMPORARY_KEPT]
    yield _files("temporary files", "their writers were killed", old)
    past = [path for path, modified in store.reports if now - modified > days]
    yield _files("reports of the janitor", f"older than {days.days} days", past)


def _fingerprints(views: Sequence[CorpusView], store: StoreView, going: set[str]) -> set[str]:
    """The encoders whose vectors somebody may want: of every index, and of every plan that stays."""
    of_indices = {index.meta.fingerprint for view in views for index in view.indices}
    return of_indices | {plan.fingerprint for plan in store.plans if plan.path not in going}


def _compact(views: Sequence[CorpusView], store: StoreView, fingerprint: str) -> Iterator[Action]:
    ended = {build.build_id for view in views for build in view.builds if build.state is RunState.ENDED}
    planned = {plan.build_id for plan in store.plans}
    files = [file for file in store.vectors_of(fingerprint) if file.build_id in ended or file.build_id not in planned]
    for target, sources in compactions(files, store.markers):
        yield Action(
            kind=Kind.COMPACT,
            name=f"vectors of encoder {fingerprint}",
            reason="many small files make every plan and index task slow",
            paths=tuple(sources),
            target=target,
        )


def _superseded(store: StoreView, now: datetime) -> Iterator[Action]:
    """Files that a compaction merged: whoever listed them before has read them by now."""
    there = {file.path for file in store.vectors}
    for marker in store.markers:
        if marker.target in there and now - marker.modified > SUPERSEDED_KEPT:
            yield _files(
                f"vectors merged into {marker.target}", "nobody reads them any more", [*marker.sources, marker.path]
            )


def _doubts(view: CorpusView, now: datetime) -> Iterator[str]:
    """Old things of builds whose run is not known and that left no receipt: dead or not, a person has to say."""
    found = [("model group", group, build) for group, build in view.groups]
    found += [("index", index.name, index.meta.build_id) for index in view.failed_candidates]
    found += [("folder", build.folder, build.build_id) for build in view.builds]
    for kind, name, build_id in found:
        if view.state(build_id) is RunState.UNKNOWN and now - build_time(build_id) > DOUBTFUL_AFTER:
            yield (
                f"{kind} {name} of '{view.alias}': build {build_id} has no receipt and Airflow does not know its run, so it "
                "may be alive. If it is not, delete it by hand."
            )


def _files(name: str, reason: str, paths: Iterable[str]) -> Action:
    return Action(kind=Kind.FILES, name=name, reason=reason, paths=tuple(paths))


def build_time(build_id: str) -> datetime:
    """When the build was planned; its id says it."""
    return datetime.strptime(build_id.split("-", maxsplit=1)[0], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
