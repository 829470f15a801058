"""How fast a model that is at hand encodes: some texts of the corpus, asked for as a build would ask, for a few seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from typing import Any

from sparse_index.timing import Clock
from sparse_index.vectors.kind import Refused

BUDGET_S = 5.0
# A model's first answers say nothing of how long a request may be.
_WARM_UP_ROUNDS = 2
# Of one request: with longer ones the budget would not be kept.
_REQUEST_S = 0.3

Ask = Callable[[Sequence[str]], Sequence[Any]]


def texts_per_second(
    ask: Ask, texts: Sequence[str], most: int, in_flight: int, largest_request: int, clock: Clock
) -> tuple[int, float] | None:
    """Of how many encoded texts, and how many a second, with `in_flight` requests at once; None where the model refuses all of
    them. `texts` are asked for again and again, `most` of them in all, for `BUDGET_S` and the requests of that moment. Raises
    what `ask` raises."""
    with ThreadPoolExecutor(in_flight, thread_name_prefix="probe") as pool:
        each = [_warm_up(pool, ask, [texts[len(texts) // 2]], in_flight, clock) for _ in range(_WARM_UP_ROUNDS)][-1]
        size = max(1, min(largest_request, int(_REQUEST_S / max(each, 1e-6)), most // in_flight))
        requests, deadline = _Requests(islice(cycle(texts), most), size), clock() + BUDGET_S
        found = [pool.submit(_asking, ask, requests, deadline, clock) for _ in range(in_flight)]
        done = [each.result() for each in found]
    rates = [encoded / seconds for encoded, seconds in done if seconds > 0]
    encoded = sum(number for number, _ in done)
    return (encoded, sum(rates)) if encoded else None


def _warm_up(pool: ThreadPoolExecutor, ask: Ask, request: Sequence[str], in_flight: int, clock: Clock) -> float:
    """Seconds of one round."""
    began = clock()
    list(pool.map(ask, [request] * in_flight))
    return clock() - began


class _Requests:
    """The texts in requests, for several threads."""

    def __init__(self, texts: Iterator[str], size: int) -> None:
        self._texts, self._size, self._lock = texts, size, threading.Lock()

    def __iter__(self) -> Iterator[list[str]]:
        while request := self._next():
            yield request

    def _next(self) -> list[str]:
        with self._lock:
            return list(islice(self._texts, self._size))


def _asking(ask: Ask, requests: _Requests, deadline: float, clock: Clock) -> tuple[int, float]:
    """Of one thread, in the second half of its requests, because model and server are slow at first: texts encoded, and the
    seconds until its last answer, so that waiting for the others counts for nothing."""
    encoded, moments = list[int](), [clock()]
    for request in requests:
        encoded.append(sum(not isinstance(output, Refused) for output in ask(request)))
        moments.append(clock())
        if moments[-1] >= deadline:
            break
    half = len(encoded) // 2
    return sum(encoded[half:]), moments[-1] - moments[half]
