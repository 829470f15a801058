"""Starts again what has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread

from local_airflow.processes import Process

RESTART_S = 5.0


@contextmanager
def supervised(processes: Sequence[Process]) -> Iterator[None]:
    """Meanwhile each that has ended is started again after some seconds: what needs a server that is away ends, too."""
    done = Event()

    def watch() -> None:
        while not done.wait(RESTART_S):
            for process in processes:
                process.start()

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
