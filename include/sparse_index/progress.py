"""Progress a person can trust: done of how many, per second, time left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sparse_index.timing import Clock


@dataclass(frozen=True)
class Progress:
    """How far one piece of work is; `total` is fixed by the plan and never moves. `unit`: rows, texts or documents."""

    stage: str
    done: int
    total: int
    per_second: float
    seconds_left: float | None
    unit: str

    def __str__(self) -> str:
        left = "unknown" if self.seconds_left is None else f"{self.seconds_left:.0f} s"
        return f"{self.stage}: {self.done:,} of {self.total:,} {self.unit}, {self.per_second:.1f}/s, time left {left}"


FIRST_AFTER_S = 1.0
OnProgress = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Show it to nobody."""


class ProgressMeter:
    """Counts and reports after the first second, then at most every `every_s` seconds, and once at the end."""

    def __init__(
        self,
        stage: str,
        total: int,
        on_progress: OnProgress,
        *,
        unit: str,
        every_s: float = 5.0,
        clock: Clock,
    ) -> None:
        self._stage, self._total, self._unit, self._on_progress = stage, total, unit, on_progress
        self._every_s, self._clock = every_s, clock
        self._started = clock()
        self._due = self._started + FIRST_AFTER_S
        self._done = self._before = 0

    def resume_at(self, done: int) -> None:
        """What an earlier attempt finished: done, but not part of this attempt's speed."""
        self._done = self._before = done

    def add(self, number: int) -> None:
        self._done += number
        now = self._clock()
        if now >= self._due or self._done >= self._total:
            self._due = now + self._every_s
            self._on_progress(self.now())

    def now(self) -> Progress:
        seconds = max(self._clock() - self._started, 1e-6)
        rate = (self._done - self._before) / seconds
        left = (self._total - self._done) / rate if rate > 0 else None
        return Progress(self._stage, self._done, self._total, rate, left, self._unit)
