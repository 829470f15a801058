"""What former builds leave standing: rows in no index, the last gate, the age of what is live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sparse_index.console.build import Ending, Sort, ending
from sparse_index.console.live import Live
from sparse_index.console.receipts import Found
from sparse_index.console.standing import standing

PROMOTED, FAILED, NOTHING = Sort.PROMOTED, Sort.FAILED, Sort.NOTHING_CHANGED
TODAY = datetime(2026, 11, 26, 6, tzinfo=UTC)


def ended(sort: Sort, build_id: str = "b", **more: Any) -> Ending:
    return Ending(build_id, sort, **more)


def days_ago(days: int, sort: Sort = PROMOTED, live: str = "a--b1") -> Ending:
    """A daily build that ended so many days ago."""
    at = TODAY - timedelta(days=days)
    return ended(sort, f"{at:%Y%m%d}", live=live, ended_at=at, data_date=at.date())


def part(day: int, ended_on: int, letters: int = 0, sort: Sort = PROMOTED) -> Ending:
    """Of a feed: a build of one day of November, which ended on another; each leaves an index of its own."""
    at = datetime(2026, 11, ended_on, 6, day, tzinfo=UTC)
    its_id, its_day = f"{at:%Y%m%dT%H%M}", date(2026, 11, day)
    return Ending(its_id, sort, its_day, at, partition=str(its_day), live=f"a--b{its_id}", letters=letters)


@pytest.mark.parametrize(
    ("builds", "said"),
    [
        ([], []),
        ([ended(PROMOTED, letters=2), ended(PROMOTED, letters=7)], [2]),
        # What a build refused that was never live is missed by nobody.
        ([ended(FAILED, letters=9), ended(PROMOTED, letters=2)], [2]),
        ([ended(Sort.OPEN), ended(Sort.PLAN_ONLY, letters=9), ended(Sort.NOT_PROMOTED, letters=9)], []),
        ([ended(NOTHING, letters=0), ended(PROMOTED, letters=2)], [0]),
        ([ended(PROMOTED), ended(PROMOTED, letters=2)], [2]),
        ([ended(PROMOTED, letters=n, partition=day) for n, day in ((1, "d2"), (4, "d1"), (9, "d2"))], [1, 4]),
    ],
)
def test_open_letters_are_those_of_the_newest_good_build_of_each_partition(
    builds: list[Ending], said: list[int]
) -> None:
    found = standing(None, builds)
    assert [build.letters for build in found.holders] == said
    assert found.letters == (sum(said) if said else None)


@pytest.mark.parametrize(
    ("builds", "at_most"),
    [
        ([part(3, 4, 2), part(2, 3), part(1, 2)], False),
        ([part(3, 4), part(2, 3, 2)], True),
        # The same day again, corrected: its own letters are the last word.
        ([part(2, 5, 1), part(3, 4), part(2, 3, 9)], False),
        # What brings nothing brings no row again.
        ([part(3, 4, sort=NOTHING), part(2, 3, 2)], False),
        ([part(3, 4, sort=FAILED), part(2, 3, 2)], False),
    ],
)
def test_letters_are_at_most_so_many_where_a_later_partition_may_have_brought_a_row_again(
    builds: list[Ending], at_most: bool
) -> None:
    assert standing(None, builds).at_most is at_most


@pytest.mark.parametrize(
    ("builds", "failed"),
    [
        ([part(2, 3), part(1, 2, sort=FAILED)], ["20261102T0601"]),
        ([part(1, 4), part(2, 3), part(1, 2, sort=FAILED)], []),
        ([part(1, 4, sort=FAILED), part(2, 3), part(1, 2, sort=FAILED)], ["20261104T0601"]),
        ([part(2, 4, sort=FAILED), part(1, 2, sort=FAILED)], ["20261104T0602", "20261102T0601"]),
        ([ended(Sort.PLAN_ONLY, "b3"), ended(FAILED, "b2"), ended(PROMOTED, "b1")], ["b2"]),
        ([ended(Sort.PLAN_ONLY, "b3"), ended(Sort.OPEN, "b2"), ended(FAILED, "b1")], ["b2"]),
        ([ended(NOTHING, "b3"), ended(FAILED, "b2")], []),
        # Of which partition it was, nobody knows.
        ([part(2, 3), ended(Sort.OPEN, "b1")], []),
    ],
)
def test_a_failed_build_stands_until_a_good_one_of_its_partition(builds: list[Ending], failed: list[str]) -> None:
    assert [build.build_id for build in standing(None, builds).failed] == failed


def test_letters_are_those_of_what_is_live_once_the_alias_went_back() -> None:
    builds = [part(3, 4, 1), part(2, 3, 5), part(1, 2, 7)]
    live = Live((builds[1].live or "",), builds[1].build_id)
    found = standing(live, builds)
    assert (found.letters, found.at_most) == (12, True)


@pytest.mark.parametrize("knows", [True, False])
def test_what_a_rollback_took_back_stays_so_once_a_later_build_is_live(knows: bool) -> None:
    """Days 1 and 2 came, the alias went back to day 1, day 3 went on from there: the rows of day 2 are not in the index."""

    def build(day: int, sort: Sort = PROMOTED, former: str | None = None) -> Ending:
        return ended(
            sort, f"2026110{day}T060000-abcdef", partition=f"d{day}", letters=day, live=name(day), former=former
        )

    def name(day: int) -> str:
        return f"a--b2026110{day}t060000-abcdef"

    first, second, third = build(1), build(2, former=name(1)), build(5, former=name(1))
    found_no_change = replace(build(3, NOTHING), live=name(2))
    before_and_after = [replace(build(4, NOTHING), live=name(1)), replace(build(6, NOTHING), live=name(5))]
    builds = [before_and_after[1], third, before_and_after[0], found_no_change, second, first]
    found = standing(Live((name(5),), third.build_id) if knows else None, builds)
    assert [each.partition for each in found.holders] == ["d6", "d5", "d4", "d1"]


def test_the_gate_is_the_newest_that_ran() -> None:
    ran = ended(FAILED, verdict="fail")
    assert standing(None, [ended(NOTHING), ran, ended(PROMOTED, verdict="pass")]).gate is ran
    assert standing(None, [ended(NOTHING)]).gate is None


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ({"checks": [{"verdict": "pass"}, {"verdict": "undecided"}, {"verdict": "skipped"}]}, "undecided"),
        ({"checks": [{"verdict": "skipped"}]}, None),
        ({"checks": "x"}, None),
        (None, None),
    ],
)
def test_the_checks_of_the_encoder_are_no_gate(gate: Any, said: str | None) -> None:
    content = {"outcome": "failed", "gate": gate, "encoder": {"checks": [{"verdict": "fail"}]}}
    assert ending("b", Found(content)).verdict == said


def test_a_run_that_finds_nothing_changed_proves_what_is_live() -> None:
    live = Live(("a--b1",), data_date=date(2026, 11, 20), promoted_at=TODAY - timedelta(days=6))
    found = standing(live, [days_ago(0, FAILED), days_ago(1, NOTHING), days_ago(6)])
    assert found.since == TODAY - timedelta(days=1)


def test_what_other_indices_proved_does_not_count_once_the_alias_went_back() -> None:
    live = Live(("a--b1",), "20261120", data_date=date(2026, 11, 20), promoted_at=TODAY - timedelta(days=6))
    assert standing(live, [days_ago(0, live="a--b2"), days_ago(6)]).since == TODAY - timedelta(days=6)


@pytest.mark.parametrize("live", [Live(("a--b1",)), None])
def test_a_build_of_a_former_day_makes_nothing_newer_than_that_day(live: Live | None) -> None:
    late = ended(PROMOTED, live="a--b1", ended_at=TODAY, data_date=date(2026, 11, 3))
    builds = [late, days_ago(1, live="a--b0")]
    assert standing(live, builds).since == datetime(2026, 11, 4, tzinfo=UTC)


def test_where_nobody_knows_what_is_live_the_builds_are_believed() -> None:
    assert standing(None, [days_ago(2)]).since == TODAY - timedelta(days=2)
    assert standing(None, [days_ago(2, FAILED)]).since is None


def at(day: int, of: int) -> datetime:
    return datetime(2026, 11, day, 6, of, tzinfo=UTC)


@pytest.mark.parametrize(
    ("builds", "since"),
    [
        # Two days behind by design: as new as the run that brought its newest day.
        ([part(8, 10), part(7, 9), part(6, 8)], at(10, 8)),
        # Former days, and the newest day again, make nothing newer.
        ([part(8, 14), part(2, 13), part(8, 10), part(7, 9)], at(10, 8)),
        # A day on which nothing happened is a newer day.
        ([part(9, 11, sort=NOTHING), part(8, 10)], at(11, 9)),
        ([part(9, 11, sort=FAILED), part(8, 10)], at(10, 8)),
        ([part(9, 11, sort=FAILED)], None),
    ],
)
def test_a_feed_is_as_new_as_the_run_that_first_brought_its_newest_day(
    builds: list[Ending], since: datetime | None
) -> None:
    assert standing(None, builds).since == since


def test_a_feed_whose_newest_day_came_before_all_builds_that_were_looked_at() -> None:
    live = Live(("a--b1",), "20261120T0000", data_date=date(2026, 11, 15), promoted_at=TODAY)
    assert standing(live, [part(2, 19), part(1, 18)]).since == at(18, 1)
    none_recorded = Ending("20261119T0000", PROMOTED, partition="2026-11-02")
    assert standing(live, [none_recorded]).since == TODAY


def slipping(late_h: Callable[[int], int], days: int = 30) -> list[Ending]:
    """A feed whose days came at six, and so many hours later; newest first."""
    found = []
    for number in reversed(range(days)):
        day = date(2026, 10, 1) + timedelta(days=number)
        came = datetime(day.year, day.month, day.day, 6, tzinfo=UTC) + timedelta(days=1, hours=late_h(number))
        found.append(Ending(f"{came:%Y%m%dT%H%M}", PROMOTED, day, came, partition=str(day), letters=0))
    return found


@pytest.mark.parametrize(
    ("late_h", "slip_h"),
    [
        # An hour more each day: the newest seven are late by 23 to 29, the oldest usually by 3.
        (lambda number: number, 20),
        # Once.
        (lambda number: 20 * (number == 25), 0),
        # Each Friday comes on Monday.
        (lambda number: 48 * (number % 7 == 1), 0),
        # A week without runs, made up for on its last day.
        (lambda number: 24 * max(0, 29 - number) * (number > 22), 0),
        # Sooner than ever.
        (lambda number: 30 - number, 0),
    ],
)
def test_a_feed_that_slips_is_as_old_as_it_would_be_had_it_not(late_h: Callable[[int], int], slip_h: int) -> None:
    builds = slipping(late_h)
    assert builds[0].ended_at is not None
    assert standing(None, builds).since == builds[0].ended_at - timedelta(hours=slip_h)


def test_days_that_are_few_show_no_slip() -> None:
    builds = slipping(lambda number: 24 * number, days=13)
    assert standing(None, builds).since == builds[0].ended_at


def test_a_feed_whose_alias_went_back_is_as_new_as_it_was_then() -> None:
    builds = [part(9, 11), part(8, 10), part(7, 9)]
    live = Live((builds[1].live or "",), builds[1].build_id, data_date=date(2026, 11, 8))
    assert standing(live, builds).since == at(10, 8)


@pytest.mark.parametrize(
    ("builds", "whole"),
    [
        ([ended(PROMOTED, letters=0, verdict="pass")], True),
        ([ended(NOTHING, letters=0)], False),
        ([ended(PROMOTED, verdict="pass")], False),
        ([ended(FAILED, letters=0, verdict="fail")], False),
        ([ended(NOTHING, letters=0), ended(FAILED, verdict="fail")], True),
        ([ended(PROMOTED, letters=0, verdict="pass", partition="d1")], False),
        ([], False),
    ],
)
def test_whether_older_builds_have_anything_to_add(builds: list[Ending], whole: bool) -> None:
    assert standing(None, builds).is_whole is whole
