"""Trying dead letters again.

A redrive is an ordinary daily run, started now: a dead letter's document is in no final manifest, so every later plan sees it as
new and carries it through encode, index, books, gate and switch. The row that is kept in the letter, written straight into the
live index, could bring back what the corpus has replaced since, and would pass no gate.

`select_letters` says what is to be tried and for which data date; `settle_letters` looks, after that run, at the manifest of what
is live: a document in it has succeeded. The letters stay as evidence of their build's books; what is cleared and what remains is
written to `<build>/redrive.json`, and that it was done, without ids, to `<alias>/redrives/<build that tried>.json`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from itertools import islice

from sparse_index.builds.dead_letters import DeadLetter, read_letters
from sparse_index.builds.folder import letters_files
from sparse_index.builds.plan import BuildKind, Plan, load_plan, saved_plans
from sparse_index.builds.receipt import saved_outcome
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.forms import Form
from sparse_index.live.alias import observe_alias
from sparse_index.live.meta import Meta, read_meta
from sparse_index.store.files import Store
from sparse_index.store.layout import REDRIVE_FILE, final_manifest_path, plan_path, redrives_folder
from sparse_index.store.sql import connect, parquet
from sparse_index.values import Frozen

LATEST = "latest"
_BY_HAND = "run those partitions with `force_older_date`"
# The same row fails again for these; they are tried all the same, because the row may have been corrected.
LASTING = frozenset({"mapper_parsing_exception", "strict_dynamic_mapping_exception", "value_not_kept"})


class Selection(Frozen):
    """The open dead letters of one build; `reasons`: error class -> letters. `data_date`: of the run that must try them. A
    feed's partition is read again as it was; a snapshot's run must not be older than the live index. `other_days`: letters of
    the build that another partition of the feed has, as a full build may refuse documents of any day; `too_old`: those of them
    that are of partitions beyond the feed's horizon."""

    alias: str
    build_id: str
    data_date: date
    letters: int
    reasons: dict[str, int]
    other_days: int = 0
    too_old: int = 0

    def __str__(self) -> str:
        reasons = (f"{count} x {name}{_lasting(name)}" for name, count in sorted(self.reasons.items()))
        listed = ", ".join(reasons) or "none that a run could try"
        of_day = f", of {self.data_date}" if self.other_days and self.letters else ""
        later = self.other_days - self.too_old
        more = f" {later} are of later days: redrive again after this one." if later else ""
        old = f" {self.too_old} are of days beyond `source.backfill_horizon_days`: {_BY_HAND}." if self.too_old else ""
        return f"Build {self.build_id} of '{self.alias}' has {self.letters} open dead letters{of_day}: {listed}.{more}{old}"


class Redrive(Frozen):
    """What became of a build's dead letters. `tried`: those of the run's day; `indexed`: of them, live now; `gone`: no longer in
    the corpus; `remaining`: ids that were rejected again (with new letters of `by_build`), and those of a feed's other days."""

    build_id: str
    by_build: str
    at: datetime
    tried: int
    indexed: int
    gone: int
    remaining: list[str]

    def __str__(self) -> str:
        rejected = self.tried - self.indexed - self.gone
        waiting = len(self.remaining) - rejected
        return (
            f"{self.tried} dead letters of build {self.build_id} were tried again by build {self.by_build}: {self.indexed} "
            f"are live, {self.gone} are no longer in the corpus, {rejected} were rejected again."
            + (
                f" {waiting} are of other days: redrive again (beyond the feed's horizon: {_BY_HAND})."
                if waiting
                else ""
            )
        )


class Redriven(Frozen):
    """The record of a redrive, for whoever asks later. It names no document."""

    summary: str
    alias: str
    build_id: str
    by_build: str
    run_id: str
    at: datetime


REDRIVE = Form(Redrive, "what a redrive left", "Redrive the letters with that version.")
REDRIVEN = Form(Redriven, "the record of a redrive", "Ask that version for it.")


def _lasting(error_class: str) -> str:
    return " (fails again unless the row or the encoder changed)" if error_class in LASTING else ""


def redrive_path(plan: Plan) -> str:
    return f"{plan.folder}/{REDRIVE_FILE}"


def select_letters(cluster: Cluster, store: Store, config: CorpusConfig, build: str = LATEST) -> Selection | None:
    """The open letters of `build` (a build id, or the newest promoted build that has any); None when there are none.

    Rows that scan refused are not among them: they are no documents until the corpus is corrected. Nor are documents
    that a later build has indexed.
    """
    plans = _candidates(store, config) if build == LATEST else [_plan_of(store, config.alias, build)]
    live, beyond = _live_meta(cluster, config), list[str]()
    for plan in plans:
        missing = _missing(store, live, open_letters(store, plan))
        selection = _oldest_day(store, config, live, plan, missing) if missing else None
        if selection is not None and selection.letters:
            return selection
        beyond += [str(selection)] if selection is not None else []
    if beyond:
        raise BuildError(beyond[0])
    return None


def _oldest_day(store: Store, config: CorpusConfig, live: Meta, plan: Plan, missing: list[DeadLetter]) -> Selection:
    """A run reads one partition: the days after it are tried after it. Tombstones from before a feed's horizon are dropped, and
    a run of such a day is refused: those come last."""
    days = {letter.id: max(plan.request.data_date, live.data_date) for letter in missing}
    oldest = date.min
    if config.kind == "feed":
        oldest = live.data_date - timedelta(days=config.source.backfill_horizon_days)
        tombstones = _days(store, live.manifest, {letter.id for letter in missing if letter.id is not None})
        days = {letter.id: tombstones.get(str(letter.id), _its_own_day(plan)) for letter in missing}
    first = min((day for day in days.values() if day >= oldest), default=plan.request.data_date)
    tried = [letter for letter in missing if days[letter.id] == first]
    return Selection(
        alias=config.alias,
        build_id=plan.build_id,
        data_date=first,
        letters=len(tried),
        reasons=dict(Counter(letter.error_class for letter in tried)),
        other_days=len(missing) - len(tried),
        too_old=sum(day < oldest for day in days.values()),
    )


def _its_own_day(plan: Plan) -> date:
    """Of a letter whose row in the manifest is gone: a delta wrote its own partition, a full build any, so that the row was a
    tombstone from before the horizon."""
    return date.min if plan.kind is BuildKind.FULL else plan.request.data_date


def _candidates(store: Store, config: CorpusConfig) -> Iterator[Plan]:
    """A snapshot's newest build has tried every letter of the builds before it; a feed's each had its own partition."""
    promoted = _promoted(store, config.alias)
    return promoted if config.kind == "feed" else islice(promoted, 1)


def _missing(store: Store, live: Meta, letters: list[DeadLetter]) -> list[DeadLetter]:
    if not letters or not store.exists(live.manifest):
        return letters
    there = _documents(store, live.manifest, {letter.id for letter in letters if letter.id is not None})
    return [letter for letter in letters if letter.id not in there]


def _plan_of(store: Store, alias: str, build_id: str) -> Plan:
    path = plan_path(alias, build_id)
    if not store.exists(path):
        others = [plan.build_id for plan in _promoted(store, alias) if open_letters(store, plan)]
        raise BuildError(
            f"The store has no build {build_id!r} of '{alias}'. Builds with open dead letters: {', '.join(others) or 'none'}."
        )
    return load_plan(store, path)


def _plans(store: Store, alias: str) -> Iterator[Plan]:
    """Newest first. One that another version wrote is passed over: every daily run tries its letters anyway."""
    return (plan for _, plan in saved_plans(store, alias) if plan is not None)


def _promoted(store: Store, alias: str) -> Iterator[Plan]:
    """Newest first. A build that was not promoted has rejected nothing that anybody misses."""
    return (plan for plan in _plans(store, alias) if saved_outcome(store, plan.alias, plan.build_id) == "promoted")


def open_letters(store: Store, plan: Plan) -> list[DeadLetter]:
    """The build's documents that are dead letters and that no redrive has cleared, one letter each."""
    letters, settled = _letters(store, plan), _settled(store, plan)
    if settled is None:
        return letters
    remaining = set(settled.remaining)
    return [letter for letter in letters if letter.id in remaining]


def _settled(store: Store, plan: Plan) -> Redrive | None:
    """What the last redrive of the build's letters left."""
    return REDRIVE.find(store, redrive_path(plan))


def _letters(store: Store, plan: Plan) -> list[DeadLetter]:
    files = letters_files(store, plan, ["index"])
    letters = {letter.id: letter for file in files for letter in read_letters(store, file)}
    return [letter for name, letter in letters.items() if name is not None]


def _live_meta(cluster: Cluster, config: CorpusConfig) -> Meta:
    live = observe_alias(cluster, config.alias).require_sound().index
    meta = read_meta(cluster, live) if live else None
    if meta is None:
        raise BuildError(
            f"Alias '{config.alias}' has no live index of ours: there is nothing to redrive into. Run the DAG."
        )
    return meta


def settle_letters(
    cluster: Cluster, store: Store, config: CorpusConfig, selection: Selection, *, run_id: str, now: datetime
) -> Redrive:
    """After the run `run_id`: clear what is indexed or gone, keep what was rejected again; written to
    `<build>/redrive.json`, and recorded. Idempotent. `BuildError` when that run neither promoted nor found everything as it
    was."""
    plan = _plan_of(store, config.alias, selection.build_id)
    again = _plan_of_run(store, config.alias, run_id)
    former = _settled(store, plan)
    if former is not None and former.by_build == again.build_id:
        return former
    manifest = (
        final_manifest_path(again.alias, again.build_id)
        if again.makes_candidate
        else _live_meta(cluster, config).manifest
    )
    opened = {letter.id for letter in open_letters(store, plan) if letter.id is not None}
    there = _documents(store, manifest, opened)
    others = _of_other_days(store, plan, manifest, opened - there, selection.data_date)
    ids = opened - others
    rejected = ids & {letter.id for letter in _letters(store, again)}
    indexed = there - rejected
    result = Redrive(
        build_id=plan.build_id,
        by_build=again.build_id,
        at=now,
        tried=len(ids),
        indexed=len(indexed),
        gone=len(ids - indexed - rejected),
        remaining=sorted(rejected | others),
    )
    # First the record: once the letters are settled nobody comes back for it.
    _record(store, config.alias, run_id, result)
    REDRIVE.save(store, redrive_path(plan), result)
    return result


def _of_other_days(store: Store, plan: Plan, manifest: str, ids: Collection[str], day: date) -> set[str]:
    """Those that the run of `day` could not try; a snapshot's tries all."""
    days = _days(store, manifest, ids)
    of_feed = plan.config.kind == "feed"
    return {name for name in ids if of_feed and days.get(name, _its_own_day(plan)) != day}


def _record(store: Store, alias: str, run_id: str, done: Redrive) -> None:
    record = Redriven(
        summary=str(done), alias=alias, build_id=done.build_id, by_build=done.by_build, run_id=run_id, at=done.at
    )
    REDRIVEN.save(store, f"{redrives_folder(alias)}/{done.by_build}.json", record)


def _plan_of_run(store: Store, alias: str, run_id: str) -> Plan:
    for plan in _plans(store, alias):
        if plan.request.run_id == run_id and saved_outcome(store, plan.alias, plan.build_id) in (
            "promoted",
            "nothing_changed",
        ):
            return plan
    raise BuildError(
        f"Run {run_id} of '{alias}' left no build that was promoted: its receipt says why. The dead letters stay open; "
        "redrive them again when the cause is mended."
    )


def _days(store: Store, manifest: str, ids: Collection[str]) -> dict[str, date]:
    """The day of a feed's partition in which each of `ids` was last seen, tombstones included."""
    if not ids or not store.exists(manifest):
        return {}
    with connect(store) as con:
        rows = f"FROM {parquet(store, [manifest])} WHERE data_date IS NOT NULL AND id IN (SELECT unnest($ids))"
        return dict(con.execute(f"SELECT id, data_date {rows}", {"ids": list(ids)}).fetchall())


def _documents(store: Store, manifest: str, ids: Collection[str]) -> set[str]:
    """Which of `ids` are documents of the manifest; a feed's tombstone is none."""
    with connect(store) as con:
        query = f"SELECT id FROM {parquet(store, [manifest])} WHERE NOT deleted AND id IN (SELECT unnest($ids))"
        return {row[0] for row in con.execute(query, {"ids": list(ids)}).fetchall()}
