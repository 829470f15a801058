"""A command that is asked to stop cleans up first: SIGTERM and SIGHUP do what Ctrl-C does."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """Somebody asked for the end of the process; `exit_code` is the shell's for that signal."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


@contextmanager
def stopping_cleanly() -> Iterator[None]:
    """`Stopped` is raised in the block by the first of these signals. Those that are ignored (`nohup`) stay ignored."""
    former = {number: signal.getsignal(number) for number in _SIGNALS}
    heeded = [number for number, handler in former.items() if handler is not signal.SIG_IGN]
    for number in heeded:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in heeded:
            signal.signal(number, former[number])


def _stop(number: int, _: FrameType | None) -> None:
    # Who stops a process often asks twice; only another Ctrl-C ends the cleaning up.
    signal.signal(signal.SIGTERM, _pass)
    signal.signal(signal.SIGHUP, _pass)
    raise Stopped(number)


def _pass(number: int, _: FrameType | None) -> None:
    """Not SIG_IGN: Python complains when a signal that has come already is ignored afterwards."""
