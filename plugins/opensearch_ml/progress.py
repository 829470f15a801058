"""Progress of a running task: in its log, and in the task state store, which the REST API shows while it runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparse_index.progress import OnProgress, Progress

log = logging.getLogger(__name__)

STATE_KEY = "progress"


def show_progress(context: Any) -> OnProgress:
    """An `OnProgress` for this task instance."""
    states = context["task_state_store"]

    def show(progress: Progress) -> None:
        log.info("%s", progress)
        states.set(STATE_KEY, _as_json(progress))

    return show


def _as_json(progress: Progress) -> dict[str, Any]:
    left = progress.seconds_left
    return {
        "stage": progress.stage,
        "done": progress.done,
        "total": progress.total,
        "per_second": round(progress.per_second, 1),
        "seconds_left": None if left is None else round(left),
    }
