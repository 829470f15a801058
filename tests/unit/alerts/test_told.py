"""What the store keeps of a failed run until a good one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from sparse_index.alerts.told import Told, remember, take_back, told_before, told_path
from sparse_index.errors import BuildError
from sparse_index.store.files import Store

FIRST = Told(run_id="scheduled__1", at=datetime(2026, 3, 1, 2, tzinfo=UTC))
PATH = told_path("news", "sparse_index__news")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def test_the_first_failure_is_kept_until_it_is_taken_back(store: Store) -> None:
    remember(store, PATH, FIRST)
    remember(store, PATH, Told(run_id="scheduled__2", at=datetime(2026, 3, 2, 2, tzinfo=UTC)))
    assert told_before(store, PATH) == FIRST
    take_back(store, PATH)
    assert told_before(store, PATH) is None


def test_days_add_up_and_what_is_left_of_them_waits_for_good_news(store: Store) -> None:
    days = [date(2026, 3, number) for number in (1, 2, 3)]
    for day in days[:2]:
        remember(store, PATH, FIRST.model_copy(update={"days": frozenset({day})}))
    told = told_before(store, PATH)
    assert told is not None
    assert (told.days, told.well) == (frozenset(days[:2]), False)
    rest = told.without(days[0])
    take_back(store, PATH, rest)
    assert told_before(store, PATH) == rest
    assert rest is not None
    assert (rest.days, rest.well) == (frozenset({days[1]}), True)
    assert rest.without(days[1]) is None

    again = Told(run_id="scheduled__3", at=datetime(2026, 3, 3, 2, tzinfo=UTC), days=frozenset({days[2]}))
    remember(store, PATH, again)
    assert told_before(store, PATH) == again.model_copy(update={"days": frozenset(days[1:])})


def test_what_a_former_version_kept_is_of_no_day(store: Store) -> None:
    store.write_json(PATH, {"run_id": "r1", "at": "2026-03-01T02:00:00Z", "form": 1})
    told = told_before(store, PATH)
    assert told is not None
    assert told.without(date(2026, 3, 1)) is None


def test_dags_of_one_corpus_do_not_speak_for_each_other(store: Store) -> None:
    remember(store, PATH, FIRST)
    assert told_before(store, told_path("news", "sparse_index__news__serving")) is None


def test_what_cannot_be_read_says_what_to_do(store: Store) -> None:
    store.write_bytes(PATH, b"half")
    with pytest.raises(BuildError, match="Delete it: only the message that all is well again gets lost"):
        told_before(store, PATH)
