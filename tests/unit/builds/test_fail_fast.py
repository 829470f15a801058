"""Parts that fail alike make the rest fail fast; a part that a person cleared is always tried."""

from __future__ import annotations

import pytest

from build_plans import corpus_config, make_plan
from sparse_index.builds.fail_fast import failing_fast
from sparse_index.builds.plan import Plan
from sparse_index.errors import BuildError, CorpusError, ModelError, TerminalError, UnavailableError
from sparse_index.store.files import Store
from vanishing_store import VanishingStore


@pytest.fixture
def store(tmp_path: object) -> Store:
    return Store(str(tmp_path))


@pytest.fixture
def plan() -> Plan:
    return make_plan(corpus_config("things"))


def attempt(store: Store, plan: Plan, part: int, error: Exception | None, *, first: bool = True) -> bool:
    """Whether the part's work began."""
    began = False
    with failing_fast(store, plan, "encode", part, first_attempt=first):
        began = True
        if error is not None:
            raise error
    return began


def fail(store: Store, plan: Plan, part: int, error: Exception, *, first: bool = True) -> None:
    with pytest.raises(type(error)):
        attempt(store, plan, part, error, first=first)


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
    assert attempt(store, plan, 0, None, first=False)
    assert attempt(store, plan, 2, None)


def test_a_note_that_another_part_takes_away_meanwhile_is_none(store: Store, plan: Plan) -> None:
    for part in range(2):
        fail(store, plan, part, ModelError("gone"))
    assert attempt(VanishingStore(store.root_uri), plan, 2, None)


def test_stages_and_builds_do_not_mix(store: Store, plan: Plan) -> None:
    fail(store, plan, 0, ModelError("gone"))
    fail(store, plan, 1, ModelError("gone"))
    with failing_fast(store, plan, "index", 2, first_attempt=True):
        pass
    assert attempt(store, make_plan(corpus_config("things")), 2, None)
