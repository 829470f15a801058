"""Whose turn it is, from the states of other runs alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from opensearch_ml.operators.rollback import require_no_build
from opensearch_ml.sensors import TurnSensor
from opensearch_ml.turns import APPROVE, TURN, named, turn_holders
from sparse_index.config.airflow_rules import LONGEST_APPROVAL_H
from sparse_index.errors import BuildError


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


def test_a_run_that_waits_for_a_person_says_so_to_those_that_wait_for_it() -> None:
    states: dict[str, dict[str, str | None]] = {"one": {APPROVE: "awaiting_input"}, "two": {APPROVE: None}}
    assert named(["one", "two"], states) == (
        "one (which waits for a person: answer its 'approve' under Required Actions), two"
    )


def looked(states: dict[str, dict[str, str | None]], began: datetime | None) -> Any:
    ti = SimpleNamespace(
        dag_id="d",
        run_id="me",
        task_id="turn",
        get_task_states=lambda **_: states,
        get_first_reschedule_date=lambda context: began,
    )
    return TurnSensor(task_id="turn", until="promote").poke({"ti": ti})


def look_of_a_rollback(**tasks: str | None) -> None:
    ti = SimpleNamespace(get_task_states=lambda dag_id, task_ids: {"other": {TURN: "success", **tasks}})
    require_no_build({"ti": ti}, "sparse_index__tickets")


@pytest.mark.parametrize("retire", [None, "scheduled", "queued", "running", "up_for_retry"])
def test_no_rollback_begins_while_a_run_that_has_promoted_may_yet_delete(retire: str | None) -> None:
    with pytest.raises(
        BuildError, match=r"Run other of sparse_index__tickets .* it would yet switch the alias, or delete"
    ):
        look_of_a_rollback(promote="success", retire=retire)


@pytest.mark.parametrize("retire", ["success", "failed", "skipped", "upstream_failed"])
def test_a_run_whose_retire_ended_in_whatever_way_holds_up_no_rollback(retire: str) -> None:
    look_of_a_rollback(promote="success", retire=retire)


def test_it_gives_how_long_the_run_waited_in_all() -> None:
    assert looked({}, None).xcom_value == 0.0, "it passed at once"
    begun = datetime.now(UTC) - timedelta(minutes=5)
    passed = looked({}, begun)
    assert passed.is_done
    assert 300 <= passed.xcom_value < 600
    assert not looked({"other": {"turn": "success", "promote": None}}, begun).is_done


def test_a_turn_that_never_comes_leaves_a_reason_and_is_waited_for_longer_than_any_answer() -> None:
    pushed: dict[str, str] = {}
    ti = SimpleNamespace(
        dag_id="d",
        run_id="me",
        task_id="turn",
        get_task_states=lambda **_: {"other": {"turn": "success", "promote": None}},
        get_first_reschedule_date=lambda context: datetime.now(UTC) - timedelta(days=40),
        xcom_push=lambda key, value: pushed.update({key: value}),
    )
    sensor = TurnSensor(task_id="turn", until="promote")
    with pytest.raises(AirflowFailException):
        sensor.execute({"ti": ti})
    assert pushed["error"].startswith("It was not this run's turn within 37 days: other runs stood between 'turn' and")
    assert sensor.timeout > LONGEST_APPROVAL_H * 3600
