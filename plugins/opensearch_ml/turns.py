"""Whose turn it is to move an alias, from the states of tasks alone: asked by daily runs and by a rollback."""

from __future__ import annotations

from collections.abc import Sequence

# The first and the last task of the daily DAG between which a run must not meet another one that moves the alias, and the one
# between them that may wait for a person. Then former indices are deleted: a run that moves the alias forward may come by
# then, one that goes back to any of them may not.
TURN, APPROVE, PROMOTE, RETIRE = "turn", "approve", "promote", "retire"
_ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


def turn_holders(states: dict[str, dict[str, str | None]], *, own_run: str, turn: str, until: str) -> list[str]:
    """The other runs that passed `turn` and have not ended `until`; `states` is run id -> task id -> state."""
    return [
        run_id
        for run_id, tasks in states.items()
        if run_id != own_run and tasks.get(turn) == "success" and tasks.get(until) not in _ENDED
    ]


def named(holders: Sequence[str], states: dict[str, dict[str, str | None]]) -> str:
    """The runs, and which of them go on only when a person has answered."""
    asked = {run_id for run_id in holders if states[run_id].get(APPROVE) == "awaiting_input"}
    return ", ".join(
        f"{run_id} (which waits for a person: answer its '{APPROVE}' under Required Actions)"
        if run_id in asked
        else run_id
        for run_id in holders
    )
