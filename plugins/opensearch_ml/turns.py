"""Whose turn it is to move an alias, from what Airflow knows of the tasks: asked by daily runs and by a rollback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparse_index.errors import BuildError

States = dict[str, dict[str, str | None]]

# The first and the last task of the daily DAG between which a run must not meet another one that moves the alias, and the one
# between them that may wait for a person. Then former indices are deleted: a run that moves the alias forward may come by
# then, one that goes back to any of them may not.
TURN, APPROVE, PROMOTE, RETIRE = "turn", "approve", "promote", "retire"
# What `turn` leaves as XComs: the day of a run that waits, and when it passed.
DAY, PASSED_AT = "data_date", "passed_at"
# Looked before, and will look again.
_WAITS = frozenset({"up_for_reschedule", "scheduled", "queued"})
_ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


def turn_holders(states: States, *, own_run: str, turn: str, until: str) -> list[str]:
    """The other runs that passed `turn` and have not ended `until`; `states` is run id -> task id -> state."""
    return [
        run_id
        for run_id, tasks in states.items()
        if run_id != own_run and tasks.get(turn) == "success" and tasks.get(until) not in _ENDED
    ]


def waiting_before(ti: Any, states: States, day: str) -> list[str]:
    """The other runs that wait at this task too, for an older day than this one's: they go first, else they would be refused."""
    waiting = [run_id for run_id, tasks in states.items() if run_id != ti.run_id and tasks.get(ti.task_id) in _WAITS]
    days = {run_id: ti.xcom_pull(task_ids=ti.task_id, key=DAY, run_id=run_id) for run_id in waiting}
    return [run_id for run_id, other in days.items() if other is not None and other < day]


def require_own_turn(ti: Any) -> None:
    """`BuildError` while a run that passed `turn` later is at work: this one's tasks were cleared, `turn` not among them."""
    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[TURN, APPROVE, PROMOTE])
    holders = turn_holders(states, own_run=ti.run_id, turn=TURN, until=PROMOTE)
    if not holders:
        return
    passed = {run_id: ti.xcom_pull(task_ids=TURN, key=PASSED_AT, run_id=run_id) for run_id in (ti.run_id, *holders)}
    own = passed[ti.run_id]
    later = [run_id for run_id in holders if own is not None and (passed[run_id] or own) > own]
    if later:
        raise BuildError(
            f"It is no longer this run's turn: tasks of it were cleared, but not '{TURN}', and {named(later, states)} passed it "
            "since then. Nothing was changed. Trigger a new run, of a feed with this run's Data date; vectors are reused."
        )


def named(holders: Sequence[str], states: States) -> str:
    """The runs, and which of them go on only when a person has answered."""
    asked = {run_id for run_id in holders if states[run_id].get(APPROVE) == "awaiting_input"}
    return ", ".join(
        f"{run_id} (which waits for a person: answer its '{APPROVE}' under Required Actions)"
        if run_id in asked
        else run_id
        for run_id in holders
    )
