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
# After a number that was not taken, for which Airflow's client has tried for long while the work stood still.
AGAIN_AFTER_S = 300.0


def show_progress(context: Any, clock: Clock = time.monotonic) -> OnProgress:
    """An `OnProgress` for this task instance. Its log has a line now and then; the last word is the task's own sentence. A number
    that nobody takes ends no work."""
    states = context["task_state_store"]
    last_line_at = refused_at = -math.inf

    def show(progress: Progress) -> None:
        nonlocal last_line_at, refused_at
        if progress.done < progress.total and clock() - last_line_at >= LINE_EVERY_S:
            last_line_at = clock()
            log.info("%s", progress)
        if clock() - refused_at < AGAIN_AFTER_S:
            return
        try:
            states.set(STATE_KEY, _as_json(progress))
        except Exception as error:  # noqa: BLE001 - whatever it is, the work goes on
            refused_at = clock()
            log.warning(
                "Airflow did not take the progress, only this log shows it (%s: %s)", type(error).__name__, error
            )

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
