"""Progress of a running task: in its log, and in the task state store, which the REST API shows while it runs."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparse_index.progress import OnProgress, Progress
    from sparse_index.timing import Clock

log = logging.getLogger(__name__)

STATE_KEY = "progress"
LINE_EVERY_S = 10.0


def show_progress(context: Any, clock: Clock = time.monotonic) -> OnProgress:
    """An `OnProgress` for this task instance. Its log has a line now and then; the last word is the task's own sentence."""
    states = context["task_state_store"]
    last_line_at = -math.inf

    def show(progress: Progress) -> None:
        nonlocal last_line_at
        if progress.done < progress.total and clock() - last_line_at >= LINE_EVERY_S:
            last_line_at = clock()
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
