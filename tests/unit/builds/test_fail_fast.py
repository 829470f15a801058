"""Parts that fail alike make the rest fail fast; a part that a person cleared is always tried."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from build_plans import corpus_config, make_plan
from sparse_index.builds.fail_fast import TROUBLE_S, failing_fast
from sparse_index.builds.plan import Plan
from sparse_index.errors import BuildError, CorpusError, ModelError, OverloadedError, TerminalError, UnavailableError
from sparse_index.store.files import Store
from sparse_index.timing import Timing
from vanishing_store import VanishingStore


@pytest.fixture
def store(tmp_path: object) -> Store:
    return Store(str(tmp_path))


@pytest.fixture
def plan() -> Plan:
    return make_plan(corpus_config("things"))


def attempt(
    store: Store, plan: Plan, part: int, error: Exception | None, *, cleared: bool = False, at: float = 0.0
) -> bool:
    """Whether the part's work began, `at` these seconds."""
    began = False
    timing = Timing(now=lambda: datetime.fromtimestamp(at, UTC))
    with failing_fast(store, plan, "encode", part, cleared=cleared, timing=timing):
        began = True
        if error is not None:
            raise error
    return began


def fail(store: Store, plan: Plan, part: int, error: Exception, *, at: float = 0.0) -> None:
    with pytest.raises(type(error)):
        attempt(store, plan, part, error, at=at)


def test_the_third_part_is_not_tried(store: Store, plan: Plan) -> None:
    fail(store, plan, 0, ModelError("Model m is gone (waited 3 s)."))
    assert attempt(store, plan, 1, None)
    fail(store, plan, 2, ModelError("Model m is gone (waited 5 s)."))
    with pytest.raises(BuildError, match=r"parts 0 and 2 of encode .*: Model m is gone .* Mend that"):
        attempt(store, plan, 3, None)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ModelError("gone"), CorpusError("gone")),
        (TerminalError("gone"), TerminalError("torn")),
        (UnavailableError("no connection"), UnavailableError("no connection")),
    ],
)
def test_other_failures_are_each_parts_own(store: Store, plan: Plan, first: Exception, second: Exception) -> None:
    fail(store, plan, 0, first)
    fail(store, plan, 1, second)
    assert attempt(store, plan, 2, None)


def test_a_cleared_part_is_tried_and_forgets_its_failure(store: Store, plan: Plan) -> None:
    fail(store, plan, 0, ModelError("gone"))
    fail(store, plan, 1, ModelError("gone"))
    assert attempt(store, plan, 0, None, cleared=True)
    assert attempt(store, plan, 2, None)


def test_a_note_that_another_part_takes_away_meanwhile_is_none(store: Store, plan: Plan) -> None:
    for part in range(2):
        fail(store, plan, part, ModelError("gone"))
    assert attempt(VanishingStore(store.root_uri), plan, 2, None)


def test_stages_and_builds_do_not_mix(store: Store, plan: Plan) -> None:
    fail(store, plan, 0, ModelError("gone"))
    fail(store, plan, 1, ModelError("gone"))
    with failing_fast(store, plan, "index", 2, cleared=False):
        pass
    assert attempt(store, make_plan(corpus_config("things")), 2, None)


BREAKER = "the cluster refuses work for now (429): Memory Circuit Breaker is open."


def troubled(store: Store, plan: Plan) -> None:
    """Two parts in one trouble; one of them has met it again since, as Airflow repeats it."""
    fail(store, plan, 0, OverloadedError(BREAKER), at=0)
    fail(store, plan, 1, OverloadedError(BREAKER), at=60)
    fail(store, plan, 0, OverloadedError(BREAKER), at=1800)


def test_a_trouble_that_does_not_pass_ends_every_attempt(store: Store, plan: Plan) -> None:
    troubled(store, plan)
    assert attempt(store, plan, 2, None, cleared=True, at=30), "a person's clearing is no attempt of Airflow's"
    troubled(store, plan)
    for part in (0, 3):
        with pytest.raises(BuildError, match=r"Not tried: parts 0 and 1 of encode .* Memory Circuit Breaker is open"):
            attempt(store, plan, part, None, at=60 + TROUBLE_S)
    assert attempt(store, plan, 0, None, cleared=True, at=60 + TROUBLE_S)


def test_a_trouble_of_less_than_an_hour_is_tried_again(store: Store, plan: Plan) -> None:
    troubled(store, plan)
    assert attempt(store, plan, 3, None, at=59 + TROUBLE_S)


def test_a_part_that_ends_shows_that_the_trouble_passes(store: Store, plan: Plan) -> None:
    troubled(store, plan)
    assert attempt(store, plan, 2, None, at=2000)
    assert attempt(store, plan, 0, None, at=2 * TROUBLE_S)


def test_parts_that_have_worked_for_an_hour_since_have_overcome_it(store: Store, plan: Plan) -> None:
    troubled(store, plan)
    assert attempt(store, plan, 3, None, at=1801 + TROUBLE_S)
    troubled(store, plan)
    for part in range(2):
        fail(store, plan, part, OverloadedError(BREAKER), at=3 * TROUBLE_S)
    assert attempt(store, plan, 3, None, at=4 * TROUBLE_S - 1), "it began anew"


def test_another_trouble_of_the_same_part_begins_anew(store: Store, plan: Plan) -> None:
    troubled(store, plan)
    fail(store, plan, 0, UnavailableError("no answer"), at=2000)
    fail(store, plan, 1, UnavailableError("no answer"), at=2000)
    assert attempt(store, plan, 2, None, at=2000 + TROUBLE_S - 1)
