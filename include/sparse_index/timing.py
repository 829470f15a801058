"""Time comes in as an argument, for tests that do not wait: at the edge and in this module alone does a clock begin.

What is called from outside has the real time as its argument's default; inwards it is passed on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

Clock = Callable[[], float]
Sleep = Callable[[float], None]
Now = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Timing:
    """For what measures, waits and dates. `clock`: monotonic seconds; `sleep`: seconds; `now`: with a time zone."""

    clock: Clock = time.monotonic
    sleep: Sleep = time.sleep
    now: Now = utc_now


REAL_TIME = Timing()


def pauses(longest_s: float, first_s: float = 0.1) -> Iterator[float]:
    """Seconds between looks at what may end in a moment or in an hour: each twice the one before, up to `longest_s`."""
    while True:
        yield min(first_s, longest_s)
        first_s *= 2
