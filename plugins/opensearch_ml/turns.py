"""Whose turn it is to move an alias, from the states of tasks alone: asked by daily runs and by a rollback."""

from __future__ import annotations

# The two tasks of the daily DAG between which a run must not meet another one that moves the alias.
TURN, PROMOTE = "turn", "promote"
_PROMOTE_ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


def turn_holders(states: dict[str, dict[str, str | None]], *, own_run: str, turn: str, until: str) -> list[str]:
    """The other runs that passed `turn` and have not ended `until`; `states` is run id -> task id -> state."""
    return [
        run_id
        for run_id, tasks in states.items()
        if run_id != own_run and tasks.get(turn) == "success" and tasks.get(until) not in _PROMOTE_ENDED
    ]
