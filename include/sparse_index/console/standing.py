"""What the last builds of a corpus leave standing: rows in no index, the last word of a gate, the age of what is live."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import median_low

from sparse_index.builds.ending import CURRENT
from sparse_index.console.build import Ending, Sort
from sparse_index.console.live import Live
from sparse_index.names import parse_candidate

GOOD = frozenset(map(Sort, CURRENT))
# Those that did not come to an end.
BAD = frozenset({Sort.FAILED, Sort.OPEN})
# Of a feed, at either end of what was looked at.
COMPARED_DAYS = 7


@dataclass(frozen=True)
class Standing:
    """`holders`: the builds whose `letters` add up to the rows that are in no index now; none where no build recorded it.
    `at_most`: a later build may have brought some of them again. `gate`: the newest build whose gate ran. `since`: from when on
    there may be data that readers do not see, UTC; None where nobody knows. `failed`: builds that failed or were killed, and
    that no later one has made good for, the newest first."""

    holders: tuple[Ending, ...] = ()
    at_most: bool = False
    gate: Ending | None = None
    since: datetime | None = None
    failed: tuple[Ending, ...] = ()

    @property
    def letters(self) -> int | None:
        """How many rows are in no index; None where nobody recorded it."""
        return sum(build.letters or 0 for build in self.holders) if self.holders else None

    @property
    def is_whole(self) -> bool:
        """Whether no older build has anything to add to it. Of a feed any may: each tells of its own partition."""
        return bool(self.holders) and self.holders[0].partition is None and self.gate is not None


def standing(live: Live | None, builds: Sequence[Ending]) -> Standing:
    """`builds`: the newest first, as many as were looked at. `live` None: nobody knows what is."""
    held = _held(live, builds)
    holders = _open_letters(held)
    newest = next((build.build_id for build in held if build.sort is Sort.PROMOTED), "")
    gate = next((build for build in builds if build.verdict is not None), None)
    at_most = any(build.letters and build.build_id < newest for build in holders)
    is_feed = any(build.partition is not None for build in held)
    since = _day_came(live, held) if is_feed else _looked(live, held)
    return Standing(tuple(holders), at_most, gate, since, tuple(_failed(builds)))


def _failed(builds: Sequence[Ending]) -> Iterator[Ending]:
    """The newest of each partition, of a snapshot the newest of all. Nobody knows the partition of one without a receipt: any
    good build makes good for it."""
    done: set[str | None] = set()
    for build in builds:
        if build.sort in GOOD:
            done |= {build.partition, None}
        elif build.sort in BAD and build.partition not in done:
            done.add(build.partition)
            yield build


def _held(live: Live | None, builds: Sequence[Ending]) -> list[Ending]:
    """The good ones that have made what is live what it is, and those that found it so. Each promoted one went on from its
    `former`: what came between the two was taken back by a rollback."""
    index, newest = (live.index, live.build_id or "") if live and live.index else (None, None)
    held = []
    for build in builds:
        if build.sort not in GOOD or not (newest is None or build.live == index or build.build_id <= newest):
            continue
        held.append(build)
        if build.sort is Sort.PROMOTED and build.former is not None:
            index, newest = build.former, _build_of(build.former)
    return held


def _build_of(index: str) -> str:
    owner = parse_candidate(index)
    return owner.build_id if owner else ""


def _open_letters(held: Sequence[Ending]) -> list[Ending]:
    """As a redrive has it: a build tries every row again that those before it refused, so the newest tells of them all. A feed's
    tells of its own partition, and all partitions add up."""
    newest: dict[str | None, Ending] = {}
    for build in held:
        if build.letters is not None:
            newest.setdefault(build.partition, build)
    return list(newest.values())


def _looked(live: Live | None, held: Sequence[Ending]) -> datetime | None:
    """Of a corpus whose runs see all of it. One that finds nothing changed proves that what is live is as good as new, so long
    as that is still the same index. But no run makes data newer than the day it is of: one of a former day may have been the
    last."""
    index = live.index if live and live.index else next((build.live for build in held), None)
    proving = [build for build in held if build.live == index]
    looked = [build.ended_at for build in proving] + [live.promoted_at if live else None]
    days = [build.data_date for build in proving] + [live.data_date if live else None]
    newest_day = max((day for day in days if day), default=None)
    ends = _end_of(newest_day) if newest_day else None
    newest_look = max((moment for moment in looked if moment), default=None)
    return min((moment for moment in (newest_look, ends) if moment), default=None)


def _day_came(live: Live | None, held: Sequence[Ending]) -> datetime | None:
    """Of a feed: when its newest day came first, or would have come had it not slipped. How old the day was by then is its
    owner's choice, so it is as old again whenever the schedule has brought the next one; and a day that is read again makes
    nothing newer."""
    days = [build.data_date for build in held] + [live.data_date if live else None]
    newest_day = max((day for day in days if day), default=None)
    ended = [(build.data_date, build.ended_at) for build in held if build.data_date and build.ended_at]
    came = [moment for day, moment in ended if day == newest_day]
    # One that came before all the builds that were looked at came no later than the first of them.
    first = min(came or [moment for _, moment in ended], default=live.promoted_at if live else None)
    return first - _slip(ended) if first else None


def _slip(ended: Sequence[tuple[date, datetime]]) -> timedelta:
    """By how much every one of the newest days came later than the oldest ones usually did, each counted from its end. A day that
    came late alone, or days that have been made up for, are no slip."""
    first = dict(sorted(ended, reverse=True))
    lags = [moment - _end_of(day) for day, moment in sorted(first.items())]
    if len(lags) < 2 * COMPARED_DAYS:
        return timedelta()
    return max(timedelta(), min(lags[-COMPARED_DAYS:]) - median_low(lags[:COMPARED_DAYS]))


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=1)
