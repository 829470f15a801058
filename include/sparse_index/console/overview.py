"""One row a corpus, and which of them needs a person first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from itertools import islice

from sparse_index.builds.sign_of_life import is_living
from sparse_index.console.build import BuildView, Ending, Sort, build_view, ending
from sparse_index.console.endings import Endings, Place
from sparse_index.console.listed import FailedRun, Listed
from sparse_index.console.live import Live
from sparse_index.console.receipts import Found, Receipts, build_ids
from sparse_index.console.standing import BAD, GOOD, Standing, standing
from sparse_index.console.words import age
from sparse_index.names import build_time
from sparse_index.store.files import Store
from sparse_index.store.layout import build_folder

STRIP = 30
# So many of the last builds are read where one is not enough to know who needs a person first.
LOOKS = (2, 4, 8, 16, STRIP)
# A corpus is late when readers have seen nothing newer for so many of its schedule's periods.
LATE_PERIODS = 1.5


class Need(IntEnum):
    """What a person is needed for, the most urgent first."""

    BROKEN = 0
    ALIAS = 1
    ASKED = 2
    FAILED = 3
    UNREAD = 4
    LATE = 5
    DOUBT = 6
    LETTERS = 7
    UNTIDY = 8
    NONE = 9


@dataclass(frozen=True)
class Seen:
    """What the store says of a corpus: the ids of its builds, its newest build, and how the newest of them ended, as many as were
    looked at; newest first. `at_work`: a run of the command line makes the newest. `problem`: why it is silent."""

    store: Store | None = None
    ids: tuple[str, ...] = ()
    last: BuildView | None = None
    recent: tuple[Ending, ...] = ()
    at_work: bool = False
    problem: str | None = None

    def places(self, alias: str, far: int) -> list[Place]:
        """Those of the last `far` builds that were not looked at."""
        ids = self.ids[len(self.recent) : far]
        return [(self.store, alias, build_id) for build_id in ids] if self.store is not None else []


@dataclass(frozen=True)
class Row:
    """`live` None: the alias has no index, or (`live_problem`) nobody knows."""

    listed: Listed
    seen: Seen
    live: Live | None
    live_problem: str | None
    standing: Standing
    needs: tuple[tuple[Need, str], ...]

    @property
    def need(self) -> Need:
        return self.needs[0][0] if self.needs else Need.NONE

    @property
    def unplanned(self) -> FailedRun | None:
        return next(_unplanned(self.listed, self.seen), None)

    @property
    def is_placed(self) -> bool:
        """Whether no older build can change its place in the order."""
        return self.need < Need.LATE or self.standing.is_whole


def look(listed: Listed, store: Store, receipts: Receipts, now: datetime) -> Seen:
    """One listing and one read, two more where the newest build has no receipt."""
    at_work = False
    ids = tuple(build_ids(store, listed.alias))
    newest = receipts.of(store, listed.alias, ids[:1])
    if newest and newest[0] == Found():
        newest += receipts.of(store, listed.alias, ids[1:2])
        at_work = bool(is_living(store, build_folder(listed.alias, ids[0]), now))
    recent = tuple(ending(build_id, each) for build_id, each in zip(ids, newest, strict=False))
    return Seen(store, ids, build_view(ids[0], newest[0]) if newest else None, recent, at_work)


def rows(
    listed: Iterable[Listed],
    seen: Mapping[str, Seen],
    live: Mapping[tuple[str, str], Live],
    live_problems: Mapping[tuple[str, str], str],
    now: datetime,
) -> list[Row]:
    """Those that need a person first, then by name. `live` and `live_problems` by connection and alias."""
    return _in_order(
        _row(
            each,
            seen.get(each.corpus, Seen()),
            live.get((each.connection, each.alias)),
            live_problems.get((each.connection, each.alias)),
            now,
        )
        for each in listed
    )


def _row(listed: Listed, seen: Seen, live: Live | None, problem: str | None, now: datetime) -> Row:
    stands = standing(live, seen.recent)
    needs = sorted(_needs(listed, seen, live, problem, stands, now), key=lambda need: need[0])
    return Row(listed, seen, live, problem, stands, tuple(needs))


def _in_order(found: Iterable[Row]) -> list[Row]:
    return sorted(found, key=lambda row: (row.need, row.listed.corpus))


def look_on(found: Sequence[Row], endings: Endings, now: datetime) -> list[Row]:
    """The same in the order of all that their last builds say. Those before the newest are read where they may change a corpus's
    place, each time twice as many, until none may: of most corpora the newest has said everything."""
    for far in LOOKS:
        still = [row for row in found if not row.is_placed]
        found = [row for row in found if row.is_placed] + look_back(still, endings, now, far)
    return _in_order(found)


def look_back(found: Sequence[Row], endings: Endings, now: datetime, far: int = STRIP) -> list[Row]:
    """The same with as many of their last builds, in the order that those make."""
    places = [row.seen.places(row.listed.alias, far) for row in found]
    read = iter(endings.of([place for each in places for place in each]))
    seen = [
        replace(row.seen, recent=(*row.seen.recent, *islice(read, len(each))))
        for row, each in zip(found, places, strict=True)
    ]
    return _in_order(
        _row(row.listed, its, row.live, row.live_problem, now) for row, its in zip(found, seen, strict=True)
    )


def _needs(
    listed: Listed, seen: Seen, live: Live | None, live_problem: str | None, stands: Standing, now: datetime
) -> Iterator[tuple[Need, str]]:
    if listed.is_broken:
        yield Need.BROKEN, "its file cannot be used"
    if live is not None and live.index is None:
        yield Need.ALIAS, f"its alias is on {len(live.indices)} indices"
    if live is None and live_problem is None and seen.last is not None and seen.last.live is not None:
        yield Need.ALIAS, "its alias is on no index, and its last build left one live"
    if listed.asked:
        yield Need.ASKED, "a run of it waits for a person: answer it under Required Actions"
    if seen.problem:
        yield Need.UNREAD, "its store cannot be read"
    unplanned = list(_unplanned(listed, seen))
    if unplanned:
        yield Need.FAILED, _without_plan(unplanned[0], len(unplanned) - 1)
    if seen.last is not None:
        refused = any(_began_before(seen.last, run) for run in unplanned)
        yield from _needs_of_build(seen.last, at_work=listed.running or seen.at_work or refused)
        yield from _needs_of_past(stands, seen.last)
        yield from _late(listed, stands.since, now)


def _needs_of_build(last: BuildView, *, at_work: bool) -> Iterator[tuple[Need, str]]:
    if last.sort is Sort.FAILED:
        yield Need.FAILED, "its last build failed"
    if last.sort is Sort.UNREAD:
        yield Need.UNREAD, "its last receipt cannot be read"
    if last.sort is Sort.OPEN and not at_work:
        yield Need.FAILED, "its last build has no receipt, and no run of it is at work"
    if last.untidy:
        yield Need.UNTIDY, "something was left untidy"


def _unplanned(listed: Listed, seen: Seen) -> Iterator[FailedRun]:
    """Those that failed before there was a build to tell of them."""
    if seen.store is not None:
        yield from (run for run in listed.failed if not any(_tells_instead(build, run) for build in seen.recent))


def _began_before(build: BuildView, run: FailedRun) -> bool:
    """The build that is left without a receipt is then what that run began: a guard refused its plan."""
    return build.planned_at is not None and build.planned_at <= run.ended


def _tells_instead(build: Ending, run: FailedRun) -> bool:
    """A later build does; of a feed, one of the same day that was to bring it."""
    planned = build_time(build.build_id)
    later = planned is not None and planned >= run.ended
    return later and (run.day is None or (build.partition == run.day and build.sort in GOOD | BAD))


def _without_plan(run: FailedRun, others: int) -> str:
    more = f"; so it is with {others} more" if others else ""
    return f"its {f'run of {run.day}' if run.day else 'last run'} failed before it planned a build{more}"


def _needs_of_past(stands: Standing, last: BuildView) -> Iterator[tuple[Need, str]]:
    former = [build for build in stands.failed if build.build_id != last.build_id]
    if former:
        yield Need.FAILED, _without_remedy(former[0], len(former) - 1)
    if stands.gate is not None and stands.gate.verdict == "undecided":
        yield Need.DOUBT, "the last gate had a doubt"
    if stands.letters:
        yield Need.LETTERS, f"{'at most ' if stands.at_most else ''}{stands.letters:,} rows are in no index"


def _without_remedy(build: Ending, others: int) -> str:
    which = f"build {build.build_id}{f' of {build.partition}' if build.partition else ''}"
    failed = "failed" if build.sort is Sort.FAILED else "left no receipt"
    more = f"; so it is with {others} more" if others else ""
    return f"{which} {failed}, and no later one has made good for it{more}"


def _late(listed: Listed, since: datetime | None, now: datetime) -> Iterator[tuple[Need, str]]:
    """Nobody waits for a paused one, nor for one that is run by hand."""
    if listed.period_s is None or listed.paused or since is None:
        return
    if (now - since).total_seconds() > LATE_PERIODS * listed.period_s:
        yield Need.LATE, f"no newer data for {age(since, now)}"
