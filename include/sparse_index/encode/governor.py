"""How many predict requests are in flight: found by trying, because overload answers nothing but latency.

A local model works on one request with one core, so `cores / parallel tasks` is where it starts. From there it tries
one more and keeps it if throughput grows; above the start it also tries one less and keeps it if throughput does not
fall (the same work at lower latency, which leaves room for searches); rests in between; halves on a time-out or a
refusal. Below the start, a core would be idle while it tries. Since it never stops trying, it recovers by itself.
"""

from __future__ import annotations

import math

GAIN = 1.05
EQUAL = 0.97
SLOWER = 0.7
REST_WINDOWS = 6
# Texts differ in length: of fewer requests two rates differ by more than what is looked for.
WINDOW_REQUESTS = 4
HIGHEST = 32


def starting_limit(cores: int, parallel_tasks: int) -> int:
    """Requests in flight for one of `parallel_tasks` tasks that share `cores` cores of the ML nodes."""
    return min(max(1, math.ceil(cores / parallel_tasks)), HIGHEST)


def own_model(cores: int, parallel_tasks: int) -> Governor:
    """For a model that nobody else asks."""
    return Governor(starting_limit(cores, parallel_tasks))


def beside_searches(cores: int, parallel_tasks: int) -> Governor:
    """For a model that encodes queries too: they share cores and pool with the texts, and one core is theirs (seen on two: a
    query waits 40 ms with 1 request in flight, 600 ms with 4). Never less than one request a task."""
    share = max(1, (cores - 1) // parallel_tasks)
    return Governor(share, share)


def in_own_process(cores: int, parallel_tasks: int, *, on_gpu: bool) -> Governor:
    """For a model in a task's process: more than its cores, or a GPU with the next texts made ready, is never faster. Of
    `parallel_tasks` tasks each may have a machine to itself, or all share this one: it begins with its share of the cores."""
    return Governor(2, 2) if on_gpu else Governor(starting_limit(cores, parallel_tasks), cores)


class Governor:
    """Pure: told what happened, says the limit. Throughput comes from Little's law: in flight / latency."""

    def __init__(self, start: int, ceiling: int | None = None) -> None:
        self.ceiling = min(ceiling or max(4 * start, 4), HIGHEST)
        self.limit = self._start = min(max(1, start), self.ceiling)
        self._before: float | None = None
        self._moved = 0
        self._next_try = +1
        self._rest = 0
        self._docs = self._requests = 0
        self._seconds = 0.0

    def observe(self, docs: int, seconds: float) -> None:
        """A request with `docs` documents was answered after `seconds`."""
        self._docs += docs
        self._requests += 1
        self._seconds += seconds
        if self._requests >= WINDOW_REQUESTS * max(2, self.limit):
            rate = self.limit * self._docs / max(self._seconds, 1e-9)
            self._clear_window()
            self._decide(rate)

    def refused(self) -> None:
        """The cluster answered 429, or not in time, or its searches suffer."""
        self.limit = max(1, self.limit // 2)
        self._before, self._moved, self._next_try = None, 0, +1
        self._rest = REST_WINDOWS
        self._clear_window()

    def _decide(self, rate: float) -> None:
        before, self._before = self._before, rate
        if before is None or self._moved == 0:
            self._decide_unmoved(rate, before)
        elif rate >= before * (GAIN if self._moved > 0 else EQUAL):
            self._move(self._moved)
        else:
            self._take_back(before)

    def _decide_unmoved(self, rate: float, before: float | None) -> None:
        if before is not None and rate < before * SLOWER:
            self._move(-1)
        elif self._rest > 0:
            self._rest -= 1
        else:
            self._move(self._next_try if self.limit > self._start else +1)

    def _take_back(self, former_rate: float) -> None:
        direction = -self._moved
        self._move(direction)
        # Back where it was: the former rate is what this limit is known for.
        self._before, self._moved, self._next_try = former_rate, 0, direction
        self._rest = REST_WINDOWS

    def _move(self, step: int) -> None:
        former = self.limit
        self.limit = min(max(1, self.limit + step), self.ceiling)
        self._moved = self.limit - former
        if self._moved == 0:
            self._next_try, self._rest = -step, REST_WINDOWS

    def _clear_window(self) -> None:
        self._docs = self._requests = 0
        self._seconds = 0.0
