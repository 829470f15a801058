"""What former builds leave standing: rows in no index, the last gate, the age of what is live."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sparse_index.console.build import Ending, Sort, ending
from sparse_index.console.live import Live
from sparse_index.console.receipts import Found
from sparse_index.console.standing import last_gate, live_as_of, open_letters

PROMOTED, FAILED, NOTHING = Sort.PROMOTED, Sort.FAILED, Sort.NOTHING_CHANGED
TODAY = datetime(2026, 11, 26, 6, tzinfo=UTC)


def ended(sort: Sort, **more: Any) -> Ending:
    return Ending("b", sort, **more)


def days_ago(days: int, sort: Sort = PROMOTED, live: str = "a--b1") -> Ending:
    """A daily build that ended so many days ago."""
    at = TODAY - timedelta(days=days)
    return ended(sort, live=live, ended_at=at, data_date=at.date())


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
    assert [build.letters for build in open_letters(builds)] == said


def test_the_gate_is_the_newest_that_ran() -> None:
    ran = ended(FAILED, verdict="fail")
    assert last_gate([ended(NOTHING), ran, ended(PROMOTED, verdict="pass")]) is ran
    assert last_gate([ended(NOTHING)]) is None


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
    assert live_as_of(live, [days_ago(0, FAILED), days_ago(1, NOTHING), days_ago(6)]) == TODAY - timedelta(days=1)


def test_what_other_indices_proved_does_not_count_once_the_alias_went_back() -> None:
    live = Live(("a--b1",), data_date=date(2026, 11, 20), promoted_at=TODAY - timedelta(days=6))
    assert live_as_of(live, [days_ago(0, live="a--b2"), days_ago(6)]) == TODAY - timedelta(days=6)


def test_a_build_of_a_former_day_makes_nothing_newer_than_that_day() -> None:
    late = ended(PROMOTED, live="a--b1", ended_at=TODAY, data_date=date(2026, 11, 3))
    assert live_as_of(Live(("a--b1",)), [late]) == datetime(2026, 11, 4, tzinfo=UTC)


def test_where_nobody_knows_what_is_live_the_builds_are_believed() -> None:
    assert live_as_of(None, [days_ago(2)]) == TODAY - timedelta(days=2)
    assert live_as_of(None, [days_ago(2, FAILED)]) is None
