"""One row a corpus, and which of them needs a person first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from sparse_index.console.build import BuildView, Ending, Sort, build_view, ending
from sparse_index.console.listed import Listed
from sparse_index.console.live import Live
from sparse_index.console.receipts import READERS, Receipts, build_ids
from sparse_index.errors import SparseIndexError
from sparse_index.store.files import Store

STRIP = 30
# A corpus is late when its last good build ended so many of its schedule's periods ago.
LATE_PERIODS = 1.5

OpenStore = Callable[[Listed], Store]


class Need(IntEnum):
    """What a person is needed for, the most urgent first."""

    BROKEN = 0
    ALIAS = 1
    FAILED = 2
    UNREAD = 3
    LATE = 4
    DOUBT = 5
    LETTERS = 6
    UNTIDY = 7
    NONE = 8


@dataclass(frozen=True)
class Seen:
    """What the store says of a corpus: the ids of its builds and its newest build, newest first. `problem`: why it is silent."""

    ids: tuple[str, ...] = ()
    last: BuildView | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Row:
    """`live` None: the alias has no index, or (`live_problem`) nobody knows."""

    listed: Listed
    seen: Seen
    live: Live | None
    live_problem: str | None
    needs: tuple[tuple[Need, str], ...]

    @property
    def need(self) -> Need:
        return self.needs[0][0] if self.needs else Need.NONE


def look(listed: Sequence[Listed], open_store: OpenStore, receipts: Receipts) -> dict[str, Seen]:
    """By corpus, one listing and one read each, eight corpora at a time. A store that cannot be read is its corpora's problem."""
    wanted = [each for each in listed if not each.is_broken]
    with ThreadPoolExecutor(READERS) as readers:
        found = readers.map(lambda each: _look(each, open_store, receipts), wanted)
        return {each.corpus: seen for each, seen in zip(wanted, found, strict=True)}


def _look(listed: Listed, open_store: OpenStore, receipts: Receipts) -> Seen:
    try:
        store = open_store(listed)
        ids = tuple(build_ids(store, listed.alias))
        newest = receipts.of(store, listed.alias, ids[:1])
    except (SparseIndexError, OSError) as error:
        return Seen(problem=str(error))
    return Seen(ids, build_view(ids[0], newest[0]) if newest else None)


def recent(store: Store, receipts: Receipts, alias: str, ids: Sequence[str]) -> list[Ending]:
    """How these builds ended, newest first."""
    found = receipts.as_kept(store, alias, ids)
    return [ending(build_id, each) for build_id, each in zip(ids, found, strict=True)]


def rows(
    listed: Iterable[Listed],
    seen: Mapping[str, Seen],
    live: Mapping[str, Live],
    live_problems: Mapping[str, str],
    now: datetime,
) -> list[Row]:
    """Those that need a person first, then by name. `live` by alias, `live_problems` by connection."""
    found = []
    for each in listed:
        problem, its = live_problems.get(each.connection), live.get(each.alias)
        its_seen = seen.get(each.corpus, Seen())
        needs = sorted(_needs(each, its_seen, its, now), key=lambda need: need[0])
        found.append(Row(each, its_seen, its, problem, tuple(needs)))
    return sorted(found, key=lambda row: (row.need, row.listed.corpus))


def _needs(listed: Listed, seen: Seen, live: Live | None, now: datetime) -> Iterator[tuple[Need, str]]:
    if listed.is_broken:
        yield Need.BROKEN, "its file cannot be used"
    if live is not None and live.index is None:
        yield Need.ALIAS, f"its alias is on {len(live.indices)} indices"
    if seen.problem:
        yield Need.UNREAD, "its store cannot be read"
    if seen.last is not None:
        yield from _needs_of_build(listed, seen.last, now)


def _needs_of_build(listed: Listed, last: BuildView, now: datetime) -> Iterator[tuple[Need, str]]:
    if last.sort is Sort.FAILED:
        yield Need.FAILED, "its last build failed"
    if last.sort is Sort.UNREAD:
        yield Need.UNREAD, "its last receipt cannot be read"
    if last.sort is Sort.OPEN and not listed.running:
        yield Need.FAILED, "its last build has no receipt, and no run of it is at work"
    if is_late(listed, last, now):
        yield Need.LATE, "it is late"
    if last.verdict == "undecided":
        yield Need.DOUBT, "the gate had a doubt"
    if last.dead_letters:
        yield Need.LETTERS, f"{last.dead_letters:,} dead letters"
    if last.untidy:
        yield Need.UNTIDY, "something was left untidy"


def is_late(listed: Listed, last: BuildView, now: datetime) -> bool:
    """Whether more than its schedule allows went by since its last build; nobody waits for a paused one."""
    if listed.period_s is None or listed.paused or listed.running:
        return False
    ended = last.ended_at or last.planned_at
    return ended is not None and (now - ended).total_seconds() > LATE_PERIODS * listed.period_s
