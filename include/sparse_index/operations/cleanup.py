"""What may go, decided from what was seen: a pure function, so that a dry run and the real one cannot differ.

Nothing goes that a live run may need or that an index refers to. What carries our mark but cannot be proven dead is named
in `unproven`, never removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sparse_index.builds.state import BuildState
from sparse_index.live.generations import kept_and_surplus
from sparse_index.names import is_older
from sparse_index.operations.sightings import BuildView, CorpusView, StoreView
from sparse_index.operations.vector_use import VectorUse, reasons_to_keep_vectors
from sparse_index.store.layout import is_janitor_report
from sparse_index.values import Frozen
from sparse_index.vectors.compaction import Marker, Merge, VectorFile, compactions

CANDIDATE_KEPT = timedelta(days=3)
BULKY_KEPT = timedelta(days=2)
# A task may spill for as long as it runs: a day by its time-out, and longer from the command line.
LEFTOVERS_KEPT = timedelta(days=7)
MERGED_KEPT = timedelta(days=1)
DOUBTFUL_AFTER = timedelta(days=7)


class Kind(StrEnum):
    """What one action removes, or (`compact`) merges."""

    MODELS = "models"
    CANDIDATE = "candidate"
    GENERATION = "generation"
    FILES = "files"
    VECTORS = "vectors"
    COMPACT = "compact"
    MERGED = "merged"
    PIPELINE = "search pipeline"
    SERVED = "shared model"


class Action(Frozen):
    """One thing to do. `name`: a model group, an index, or what the files are; `paths`: files of the store; `target`: the
    file that a compaction makes, or that holds what was merged; `sifted` and `manifests`: those of a `Merge`."""

    kind: Kind
    name: str
    reason: str
    alias: str = ""
    paths: tuple[str, ...] = ()
    target: str = ""
    sifted: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()

    def __str__(self) -> str:
        files = f" ({len(self.paths)} files)" if self.paths else ""
        return f"{self.kind.value}: {self.name}{files}: {self.reason}"

    @property
    def identity(self) -> tuple[str, str, str, str]:
        return self.kind, self.alias, self.name, self.target

    @property
    def merge(self) -> Merge:
        return Merge(target=self.target, sources=self.paths, sifted=self.sifted, manifests=self.manifests)

    def narrowed_to(self, other: Action | None) -> Action | None:
        """The later action for the paths that both name; None when nothing is left of it."""
        if other is None:
            return None
        if self.kind not in (Kind.FILES, Kind.VECTORS):
            return other if self.paths == other.paths else None
        theirs = set(other.paths)
        paths = tuple(path for path in self.paths if path in theirs)
        return other.model_copy(update={"paths": paths}) if paths else None


class Cleanup(Frozen):
    """`notes`: worth knowing, needs nobody; `unproven`: what a person has to decide; `stale`: alias -> how old its data is."""

    at: datetime
    actions: list[Action]
    notes: list[str]
    unproven: list[str]
    stale: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it

    def __str__(self) -> str:
        lines = [f"{len(self.actions)} thing(s) to tidy up.", *map(str, self.actions)]
        lines += [*(f"stale: {said}" for said in self.stale.values()), *(f"note: {note}" for note in self.notes)]
        return "\n".join(lines + [f"unproven: {doubt}" for doubt in self.unproven])

    def still_in(self, now: Cleanup) -> Cleanup:
        """What of this cleanup a later look decides again; the rest is no longer true, and stays."""
        known = {action.identity: action for action in now.actions}
        both = (action.narrowed_to(known.get(action.identity)) for action in self.actions)
        return now.model_copy(update={"actions": [action for action in both if action]})


def plan_cleanup(
    views: Sequence[CorpusView],
    store: StoreView,
    now: datetime,
    failures: Sequence[str] = (),
    use: VectorUse | None = None,
) -> Cleanup:
    """The actions for one store and all corpora that use it. `failures`: corpora that could not be looked at, in words;
    everything of theirs stays, and so does what corpora share. `use`: None when nobody looked who needs which vectors."""
    actions = [action for view in views for action in _corpus_actions(view, now)]
    doubts = [doubt for view in views for doubt in _doubts(view, now)]
    going = {path for action in actions for path in action.paths}
    reasons = reasons_to_keep_vectors(views, store, failures)
    use = use or VectorUse(doubts=dict.fromkeys(store.fingerprints, "nobody looked"))
    if not reasons:
        actions += _vector_actions(views, store, use, going, now)
    actions += _store_actions(views, store, now)
    notes = [*_strangers(views, store), *(f"all vectors stay: {reason}" for reason in reasons)]
    notes += [f"unneeded vectors of encoder {name} stay: {doubt}" for name, doubt in use.doubts.items() if not reasons]
    notes += [index.why_it_stays for view in views for index in view.indices if not index.live and index.why_it_stays]
    by_path = (Kind.FILES, Kind.VECTORS)
    nonempty = [action for action in actions if action.kind not in by_path or action.paths]
    return Cleanup(at=now, actions=nonempty, notes=notes, unproven=[*failures, *doubts])


def _corpus_actions(view: CorpusView, now: datetime) -> Iterator[Action]:
    yield from _models(view)
    yield from _candidates(view, now)
    yield from _generations(view)
    for build in view.builds:
        yield from _build_files(view, build, now)
    yield from _scans(view, now)


def _models(view: CorpusView) -> Iterator[Action]:
    for group, build_id in view.groups:
        if view.state(build_id) is BuildState.ENDED:
            yield Action(kind=Kind.MODELS, alias=view.alias, name=group, reason=f"build {build_id} has ended")


def _candidates(view: CorpusView, now: datetime) -> Iterator[Action]:
    """The newest one stays for some days, to be looked at."""
    for number, index in enumerate(view.failed_candidates):
        old = is_older(index.meta.build_id, now, CANDIDATE_KEPT)
        ended = view.state(index.meta.build_id) is BuildState.ENDED
        if ended and (number > 0 or old) and index.why_it_stays is None:
            reason = f"build {index.meta.build_id} has ended and never went live"
            yield Action(kind=Kind.CANDIDATE, alias=view.alias, name=index.name, reason=reason)


def _generations(view: CorpusView) -> Iterator[Action]:
    """Without a live index of ours somebody is at work on the alias, and may need any of them."""
    if view.busy or not any(index.live for index in view.indices):
        return
    for index in kept_and_surplus(view.indices, view.config)[1]:
        if index.why_it_stays is None:
            reason = f"beyond retention.generations ({view.config.retention.generations})"
            yield Action(kind=Kind.GENERATION, alias=view.alias, name=index.name, reason=reason)


def _build_files(view: CorpusView, build: BuildView, now: datetime) -> Iterator[Action]:
    if build.state is not BuildState.ENDED or build.build_id in view.referred_builds:
        return
    days = view.config.retention.builds_days
    if is_older(build.build_id, now, timedelta(days=days)):
        reason = f"older than retention.builds_days ({days}), and no index refers to it"
        yield _files(f"build {build.build_id}", reason, build.paths, view.alias)
    elif is_older(build.build_id, now, BULKY_KEPT):
        reason = f"parts and manifests of an ended build that no index refers to, older than {BULKY_KEPT.days} days"
        yield _files(f"build {build.build_id}", reason, build.bulky, view.alias)


def _scans(view: CorpusView, now: datetime) -> Iterator[Action]:
    """A run that has not planned yet may count on any of them; and a plan of former versions does not name its own."""
    if view.busy or not view.scans_in_use:
        return
    days = view.config.retention.builds_days
    oldest = now - timedelta(days=days)
    unused = [scan.path for scan in view.scans if scan.path not in view.scans_in_use and scan.modified < oldest]
    yield _files("scans", f"of files the corpus no longer has, older than {days} days", unused, view.alias)


def _strangers(views: Sequence[CorpusView], store: StoreView) -> list[str]:
    unknown = sorted({plan.alias for plan in store.plans} - {view.alias for view in views})
    return [f"the store has builds of '{alias}', which was not looked at; they stay" for alias in unknown]


def _vector_actions(
    views: Sequence[CorpusView], store: StoreView, use: VectorUse, going: set[str], now: datetime
) -> Iterator[Action]:
    """The encoders that somebody may want are those of every index, and of every plan that stays."""
    used = {name for view in views for index in view.indices for name in index.meta.encoders}
    used |= {name for plan in store.plans if plan.path not in going for name in plan.fingerprints}
    for fingerprint in store.fingerprints:
        files, beside = store.vectors_of(fingerprint), store.beside_vectors(fingerprint)
        modified = [*(file.modified for file in files), *(file.modified for file in beside)]
        if fingerprint in used:
            finished = _finished_files(views, store, fingerprint)
            yield from _compact(finished, store, use, fingerprint)
            yield from _merged(store, use, fingerprint, now)
            yield from _unneeded(finished, store, use, fingerprint)
        elif all(now - when > _longest(views) for when in modified):
            # Markers first: one without its files would ask for a compaction that nobody can do.
            paths = [*(marker.path for marker in store.markers_of(fingerprint)), *(file.path for file in files)]
            paths += [file.path for file in beside]
            yield _vectors(fingerprint, "no index and no kept build uses this encoder", paths)


def _finished_files(views: Sequence[CorpusView], store: StoreView, fingerprint: str) -> list[VectorFile]:
    """Those to which no build adds any more."""
    ended = {build.build_id for view in views for build in view.builds if build.state is BuildState.ENDED}
    planned = {plan.build_id for plan in store.plans}
    return [file for file in store.vectors_of(fingerprint) if file.build_id in ended or file.build_id not in planned]


def _compact(files: Sequence[VectorFile], store: StoreView, use: VectorUse, fingerprint: str) -> Iterator[Action]:
    useful = [file for file in files if use.unneeded.get(file.path, 0) < 1]
    markers = [marker for marker in store.markers_of(fingerprint) if not _in_doubt(marker, use, fingerprint)]
    for merge in compactions(useful, markers, use.unneeded, use.manifests.get(fingerprint, ())):
        few = f", and {len(merge.sifted)} of them hold what no kept index needs" if merge.sifted else ""
        yield Action(
            kind=Kind.COMPACT,
            name=f"vectors of encoder {fingerprint}",
            reason=f"many small files make every plan and index task slow{few}",
            paths=merge.sources,
            target=merge.target,
            sifted=merge.sifted,
            manifests=merge.manifests,
        )


def _in_doubt(marker: Marker, use: VectorUse, fingerprint: str) -> bool:
    """What nobody needed when the merge began; nobody can say whether that is so still."""
    return bool(marker.sifted) and fingerprint in use.doubts


def _merged(store: StoreView, use: VectorUse, fingerprint: str, now: datetime) -> Iterator[Action]:
    """Whoever listed the merged files before has read them by now."""
    for marker in store.markers_of(fingerprint):
        done = marker.target_modified is not None and now - marker.target_modified > MERGED_KEPT
        if done and not _in_doubt(marker, use, fingerprint):
            yield Action(
                kind=Kind.MERGED,
                name=f"vectors of encoder {fingerprint}",
                reason=f"merged into {marker.target}",
                paths=marker.sources,
                target=marker.target,
                sifted=marker.sifted,
                manifests=use.manifests.get(fingerprint, ()),
            )


def _unneeded(files: Sequence[VectorFile], store: StoreView, use: VectorUse, fingerprint: str) -> Iterator[Action]:
    """Whole files; what is unneeded of others goes when they are merged."""
    merging = {path for marker in store.markers_of(fingerprint) for path in (marker.target, *marker.sources)}
    paths = [file.path for file in files if use.unneeded.get(file.path) == 1 and file.path not in merging]
    yield _vectors(
        fingerprint, "no kept index has any of these texts, and they are older than retention.vectors_days", paths
    )


def _store_actions(views: Sequence[CorpusView], store: StoreView, now: datetime) -> Iterator[Action]:
    leftovers = [file.path for file in store.files if file.is_leftover and now - file.modified > LEFTOVERS_KEPT]
    yield _files("temporary files", "their writers were killed", leftovers)
    reports = (file for file in store.files if is_janitor_report(file.path))
    past = [file.path for file in reports if now - file.modified > _longest(views)]
    yield _files("reports of the janitor", "older than every corpus's retention.builds_days", past)


def _longest(views: Sequence[CorpusView]) -> timedelta:
    return timedelta(days=max((view.config.retention.builds_days for view in views), default=30))


def _doubts(view: CorpusView, now: datetime) -> Iterator[str]:
    """Old things of builds whose run is not known and that left no receipt: dead or not, a person has to say."""
    found = [("model group", group, build) for group, build in view.groups]
    found += [("index", index.name, index.meta.build_id) for index in view.failed_candidates]
    found += [("folder", build.folder, build.build_id) for build in view.builds]
    for kind, name, build_id in found:
        if view.state(build_id) is BuildState.UNKNOWN and is_older(build_id, now, DOUBTFUL_AFTER):
            yield (
                f"{kind} {name} of '{view.alias}': build {build_id} has no receipt and nobody knows its run, so it may be "
                "alive. If it is not, delete it by hand."
            )


def _files(name: str, reason: str, paths: Iterable[str], alias: str = "") -> Action:
    return Action(kind=Kind.FILES, alias=alias, name=name, reason=reason, paths=tuple(paths))


def _vectors(fingerprint: str, reason: str, paths: Iterable[str]) -> Action:
    return Action(kind=Kind.VECTORS, name=f"vectors of encoder {fingerprint}", reason=reason, paths=tuple(paths))
