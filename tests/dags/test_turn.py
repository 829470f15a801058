"""Whose turn it is, from what Airflow knows of other runs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from opensearch_ml.opened import PLAN_TASK
from opensearch_ml.operators.corpus import PlanChangesOperator
from opensearch_ml.operators.index import BulkIndexOperator, PrepareCandidateOperator, PromoteOperator
from opensearch_ml.operators.rollback import require_no_build
from opensearch_ml.params import trigger_form
from opensearch_ml.sensors import TurnSensor
from opensearch_ml.turns import APPROVE, DAY, TURN, named, require_own_turn, turn_holders
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


@dataclass
class Airflow:
    """What it knows of all runs, as a task instance of one of them asks it. `xcoms`: (run, key) -> what `turn` left."""

    states: dict[str, dict[str, str | None]]
    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)
    waits_since: datetime | None = None
    queued: frozenset[str] = frozenset()
    run_id: str = "me"
    dag_id: str = "d"
    task_id: str = "turn"

    def get_task_states(self, *, dag_id: str, task_ids: list[str]) -> dict[str, dict[str, str | None]]:
        return self.states

    def get_dagrun_state(self, *, dag_id: str, run_id: str) -> str:
        return "queued" if run_id in self.queued else "running"

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        return self.waits_since

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[self.run_id, key] = value

    def xcom_pull(self, *, task_ids: str, key: str, run_id: str) -> Any:
        assert task_ids == "turn"
        return self.xcoms.get((run_id, key))


def context_of(airflow: Airflow, day: str = "2026-01-02") -> dict[str, Any]:
    params = {name: param.value for name, param in trigger_form().items()}
    run = SimpleNamespace(partition_key=None, logical_date=datetime.fromisoformat(day), run_after=None)
    return {"ti": airflow, "params": params, "dag_run": run, "run_id": airflow.run_id}


def looked(airflow: Airflow, day: str = "2026-01-02", *, oldest_first: bool = True) -> Any:
    return TurnSensor(task_id="turn", oldest_first=oldest_first).poke(context_of(airflow, day))


def look_of_a_rollback(**tasks: str | None) -> None:
    states = {"other": {TURN: "success", PLAN_TASK: "success", **tasks}}
    ti = SimpleNamespace(get_task_states=lambda dag_id, task_ids: states)
    require_no_build({"ti": ti}, "sparse_index__tickets")


@pytest.mark.parametrize("retire", [None, "scheduled", "queued", "running", "up_for_retry"])
def test_no_rollback_begins_while_a_run_that_has_promoted_may_yet_delete(retire: str | None) -> None:
    with pytest.raises(
        BuildError, match=r"Run other of sparse_index__tickets .* it would yet switch the alias, or delete"
    ):
        look_of_a_rollback(promote="success", retire=retire)


@pytest.mark.parametrize("plan", [None, "running", "failed"])
def test_a_run_that_has_not_planned_holds_up_no_rollback(plan: str | None) -> None:
    """Its plan is refused when the alias has moved since it began to read."""
    look_of_a_rollback(**{PLAN_TASK: plan})


@pytest.mark.parametrize("retire", ["success", "failed", "skipped", "upstream_failed"])
def test_a_run_whose_retire_ended_in_whatever_way_holds_up_no_rollback(retire: str) -> None:
    look_of_a_rollback(promote="success", retire=retire)


def test_it_gives_how_long_the_run_waited_in_all() -> None:
    assert looked(Airflow({})).xcom_value == 0.0, "it passed at once"
    begun = datetime.now(UTC) - timedelta(minutes=5)
    passed = looked(Airflow({}, waits_since=begun))
    assert passed.is_done
    assert 300 <= passed.xcom_value < 600
    assert not looked(Airflow({"other": {"turn": "success", "promote": None}}, waits_since=begun)).is_done


def test_of_those_that_wait_the_older_day_goes_first() -> None:
    """Else the day between is refused as older than what is live."""
    held = Airflow({"one": {"turn": "success", "promote": "running"}})
    days = {"two": "2026-01-02", "three": "2026-01-03"}
    for run_id, day in days.items():
        assert not looked(replace(held, run_id=run_id), day).is_done
    states: Any = {"one": {"promote": "success"}} | {run: {"turn": "up_for_reschedule"} for run in days}
    free = replace(held, states=states)
    assert not looked(replace(free, run_id="three"), "2026-01-03").is_done
    assert looked(replace(free, run_id="three"), "2026-01-03", oldest_first=False).is_done, (
        "a feed's newest day waits for no backfill"
    )
    assert looked(replace(free, run_id="two"), "2026-01-02").is_done


@pytest.mark.parametrize("state", [None, "running", "up_for_retry", "failed", "skipped", "success", "removed"])
def test_a_run_that_may_never_look_again_is_not_let_go_first(state: str | None) -> None:
    airflow = Airflow({"older": {"turn": state, "promote": "failed"}}, {("older", DAY): "2026-01-01"})
    assert looked(airflow).is_done


@pytest.mark.parametrize("day", ["2026-01-02", "2026-01-03", None])
def test_nobody_waits_for_the_same_day_a_newer_one_or_one_that_has_not_looked_yet(day: str | None) -> None:
    assert looked(Airflow({"other": {"turn": "scheduled"}}, {("other", DAY): day})).is_done


def cleared(mondays_promote: str | None, tuesdays: str | None = None) -> tuple[Airflow, Airflow]:
    """Monday failed, Tuesday passed `turn`, then a task of Monday's was cleared; as either run sees it."""
    monday = Airflow({}, run_id="monday")
    assert looked(monday).is_done
    tuesday = replace(monday, run_id="tuesday", states={"monday": {"turn": "success", "promote": "upstream_failed"}})
    assert looked(tuesday, "2026-01-03").is_done
    both = {"monday": mondays_promote, "tuesday": tuesdays}
    states: Any = {run_id: {"turn": "success", "promote": promote} for run_id, promote in both.items()}
    return replace(monday, states=states), replace(tuesday, states=states)


def test_a_cleared_run_stops_while_one_that_passed_later_is_at_work_and_that_one_goes_on() -> None:
    monday, tuesday = cleared(None)
    with pytest.raises(BuildError, match=r"no longer this run's turn: .* not 'turn', and tuesday passed it since then"):
        require_own_turn(monday)
    require_own_turn(tuesday)


def test_a_cleared_run_that_is_still_queued_holds_up_nobody_and_stops_when_it_begins_late() -> None:
    """Airflow may begin it only when a run that waits here has ended."""
    monday, tuesday = cleared(None)
    waits = replace(tuesday, states={"monday": monday.states["monday"], "tuesday": {"turn": "running"}})
    assert not looked(waits, "2026-01-03").is_done
    assert looked(replace(waits, queued=frozenset({"monday"})), "2026-01-03").is_done
    with pytest.raises(BuildError, match="tuesday passed it since then"):
        require_own_turn(monday)


def test_it_looks_less_often_while_a_person_is_asked() -> None:
    sensor = TurnSensor(task_id="turn", oldest_first=True)
    intervals = []
    for approve in (None, "awaiting_input", "success"):
        sensor.poke(context_of(Airflow({"other": {"turn": "success", APPROVE: approve}})))
        intervals.append(sensor.poke_interval)
    assert intervals == [10, 300, 10]


def test_a_cleared_run_goes_on_when_the_later_one_has_ended() -> None:
    monday, _ = cleared(None, "success")
    require_own_turn(monday)


def test_runs_that_passed_before_an_upgrade_are_not_stopped() -> None:
    monday, tuesday = cleared(None)
    for known in ("monday", "tuesday"):
        xcoms = {key: value for key, value in monday.xcoms.items() if known in key}
        require_own_turn(replace(monday, xcoms=xcoms))
        require_own_turn(replace(tuesday, xcoms=xcoms))


@pytest.mark.parametrize(
    "operator", [PlanChangesOperator, PrepareCandidateOperator, BulkIndexOperator, PromoteOperator]
)
def test_every_task_that_plans_or_changes_an_index_asks_whether_it_is_its_turn(operator: Any) -> None:
    monday, _ = cleared(None)
    task, build = object.__new__(operator), SimpleNamespace(plan=SimpleNamespace(makes_candidate=True, promotes=True))
    with pytest.raises(BuildError, match="no longer this run's turn"):
        operator.work(task, build, context_of(monday))


def test_a_turn_that_never_comes_leaves_a_reason_and_is_waited_for_longer_than_any_answer() -> None:
    begun = datetime.now(UTC) - timedelta(days=40)
    airflow = Airflow({"other": {"turn": "success", "promote": None}}, waits_since=begun)
    sensor = TurnSensor(task_id="turn", oldest_first=True)
    with pytest.raises(AirflowFailException):
        sensor.execute(context_of(airflow))
    assert airflow.xcoms["me", "error"].startswith(
        "It was not this run's turn within 37 days: other runs stood between 'turn' and"
    )
    assert sensor.timeout > LONGEST_APPROVAL_H * 3600
