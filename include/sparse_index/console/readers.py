"""Many reads of stores, side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

READERS = 8
Wanted = TypeVar("Wanted")
Answer = TypeVar("Answer")


def read_each(read: Callable[[Wanted], Answer], asked: Iterable[Wanted]) -> list[Answer]:
    """The answers in their order, eight at a time; an error of one is raised.

    In threads of its own: those of a pool are waited for when the process ends, and a store may hang for ever.
    """
    left: SimpleQueue[tuple[Wanted, Future[Answer]]] = SimpleQueue()
    futures: list[Future[Answer]] = []
    for one in asked:
        futures.append(Future())
        left.put((one, futures[-1]))
    for _ in futures[:READERS]:
        threading.Thread(target=_answer, args=(read, left), name="console-reader", daemon=True).start()
    return [future.result() for future in futures]


def _answer(read: Callable[[Wanted], Answer], left: SimpleQueue[tuple[Wanted, Future[Answer]]]) -> None:
    while True:
        try:
            one, future = left.get_nowait()
        except Empty:
            return
        try:
            future.set_result(read(one))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is for whoever waits for this answer
            future.set_exception(error)
