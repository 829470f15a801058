"""Whose turn it is, from the states of other runs alone."""

from __future__ import annotations

import pytest

from opensearch_ml.turns import turn_holders


def holders(**others: dict[str, str | None]) -> list[str]:
    return turn_holders({"me": {"turn": "running"}, **others}, own_run="me", turn="turn", until="promote")


@pytest.mark.parametrize("promote", ["success", "failed", "skipped", "upstream_failed", "removed"])
def test_a_run_whose_promote_ended_holds_nothing(promote: str | None) -> None:
    assert holders(other={"turn": "success", "promote": promote}) == []


@pytest.mark.parametrize("promote", [None, "scheduled", "queued", "running", "up_for_retry", "deferred", "restarting"])
def test_a_run_that_passed_and_has_not_promoted_yet_holds_the_turn(promote: str | None) -> None:
    assert holders(other={"turn": "success", "promote": promote}) == ["other"]


@pytest.mark.parametrize("turn", [None, "running", "up_for_reschedule", "failed", "upstream_failed"])
def test_a_run_that_has_not_passed_holds_nothing(turn: str | None) -> None:
    assert holders(other={"turn": turn, "promote": None}) == []


def test_the_own_earlier_attempt_does_not_block_itself() -> None:
    assert turn_holders({"me": {"turn": "success"}}, own_run="me", turn="turn", until="promote") == []
