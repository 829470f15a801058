"""One row a corpus, and which of them needs a person first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum

from sparse_index.console.build import BuildView, Ending, Sort, build_view, ending
from sparse_index.console.listed import Listed
from sparse_index.console.live import Live
from sparse_index.console.readers import read_each
from sparse_index.console.receipts import Found, Receipts, build_ids
from sparse_index.console.standing import last_gate, live_as_of, open_letters
from sparse_index.console.words import age
from sparse_index.errors import SparseIndexError
from sparse_index.store.files import Store

STRIP = 30
# A corpus is late when readers see nothing newer than so many of its schedule's periods ago.
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
    """What the store says of a corpus: the ids of its builds, its newest build, and how the newest of them ended, as many as were
    looked at; newest first. `problem`: why it is silent."""

    ids: tuple[str, ...] = ()
    last: BuildView | None = None
    recent: tuple[Ending, ...] = ()
    problem: str | None = None

    @property
    def holders(self) -> list[Ending]:
        """The builds that have the open letters."""
        return open_letters(self.recent)

    @property
    def letters(self) -> int | None:
        """How many are open; None where nobody recorded it."""
        return sum(build.letters or 0 for build in self.holders) if self.holders else None

    @property
    def gate(self) -> Ending | None:
        return last_gate(self.recent)


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
    """By corpus, one listing and one read each, two where the newest build is at work; eight corpora at a time. A store that
    cannot be read is its corpora's problem."""
    wanted = [each for each in listed if not each.is_broken]
    found = read_each(lambda each: _look(each, open_store, receipts), wanted)
    return {each.corpus: seen for each, seen in zip(wanted, found, strict=True)}


def _look(listed: Listed, open_store: OpenStore, receipts: Receipts) -> Seen:
    try:
        store = open_store(listed)
        ids = tuple(build_ids(store, listed.alias))
        newest = receipts.of(store, listed.alias, ids[:1])
        if newest and newest[0] == Found():
            newest += receipts.of(store, listed.alias, ids[1:2])
    except (SparseIndexError, OSError) as error:
        return Seen(problem=str(error))
    return Seen(ids, build_view(ids[0], newest[0]) if newest else None, _endings(ids, newest))


def look_back(seen: Seen, store: Store, receipts: Receipts, alias: str) -> Seen:
    """With its last builds, for a page of corpora: of all corpora they would be too many to read."""
    ids = seen.ids[:STRIP]
    return replace(seen, recent=_endings(ids, receipts.as_kept(store, alias, ids)))


def _endings(ids: Sequence[str], found: Sequence[Found]) -> tuple[Ending, ...]:
    return tuple(ending(build_id, each) for build_id, each in zip(ids, found, strict=False))


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
        yield from _needs_of_build(listed, seen.last)
        yield from _needs_of_past(seen)
        yield from _late(listed, live_as_of(live, seen.recent), now)


def _needs_of_build(listed: Listed, last: BuildView) -> Iterator[tuple[Need, str]]:
    if last.sort is Sort.FAILED:
        yield Need.FAILED, "its last build failed"
    if last.sort is Sort.UNREAD:
        yield Need.UNREAD, "its last receipt cannot be read"
    if last.sort is Sort.OPEN and not listed.running:
        yield Need.FAILED, "its last build has no receipt, and no run of it is at work"
    if last.untidy:
        yield Need.UNTIDY, "something was left untidy"


def _needs_of_past(seen: Seen) -> Iterator[tuple[Need, str]]:
    if seen.gate is not None and seen.gate.verdict == "undecided":
        yield Need.DOUBT, "the last gate had a doubt"
    if seen.letters:
        yield Need.LETTERS, f"{seen.letters:,} rows are in no index"


def _late(listed: Listed, as_of: datetime | None, now: datetime) -> Iterator[tuple[Need, str]]:
    """Nobody waits for a paused one, nor for one that is run by hand."""
    if listed.period_s is None or listed.paused or as_of is None:
        return
    if (now - as_of).total_seconds() > LATE_PERIODS * listed.period_s:
        yield Need.LATE, f"what is live is {age(as_of, now)} old"
