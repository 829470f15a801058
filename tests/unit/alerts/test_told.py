"""What the store keeps of a failed run until a good one."""

from __future__ import annotations

from datetime import UTC, datetime
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


def test_dags_of_one_corpus_do_not_speak_for_each_other(store: Store) -> None:
    remember(store, PATH, FIRST)
    assert told_before(store, told_path("news", "sparse_index__news__serving")) is None


def test_what_cannot_be_read_says_what_to_do(store: Store) -> None:
    store.write_bytes(PATH, b"half")
    with pytest.raises(BuildError, match="Delete it: only the message that all is well again gets lost"):
        told_before(store, PATH)
