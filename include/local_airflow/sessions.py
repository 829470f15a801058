"""All processes that one service started, however they rename themselves (then their environment is gone, too) and whatever
process group they choose: Airflow's processes do both, but all stay in the session that their service began."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

POLL_S = 0.1
_ZOMBIE = "Z"


@dataclass(frozen=True)
class _Process:
    pid: int
    state: str
    session: int
    started: int


@dataclass(frozen=True)
class Session:
    """`leader`: its first process, after whose id it is called; `started`: when that began, in clock ticks since `boot`."""

    leader: int
    started: int
    boot: str

    @classmethod
    def of(cls, leader: int) -> Session:
        """The session of a process that has just been started with `setsid`; ProcessLookupError if it is gone."""
        process = _process(leader)
        if process is None:
            raise ProcessLookupError(f"process {leader} is gone")
        return cls(leader, process.started, _boot())

    @classmethod
    def parse(cls, text: str) -> Session:
        leader, started, boot = text.split()
        return cls(int(leader), int(started), boot)

    def __str__(self) -> str:
        return f"{self.leader} {self.started} {self.boot}"

    def is_led(self) -> bool:
        """Whether its first process lives."""
        return self.leader in self.members()

    def members(self) -> list[int]:
        """The living processes. The system gives the id to nobody else while one of them lives; a process that has it with
        another start is a stranger, and so are those of its session."""
        with suppress(ChildProcessError):  # started by another process: nothing to collect
            os.waitpid(self.leader, os.WNOHANG)
        leader = _process(self.leader)
        if self.boot != _boot() or (leader is not None and leader.started != self.started):
            return []
        return [one.pid for one in _processes() if one.session == self.leader and one.state != _ZOMBIE]

    def terminate(self) -> None:
        """SIGTERM to the group of its first process, as a terminal would."""
        if self.members():
            with suppress(ProcessLookupError):  # what is left has a group of its own
                os.killpg(self.leader, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to all, until none is left: one may have forked meanwhile."""
        while members := self.members():
            for pid in members:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(POLL_S)


def _processes() -> Iterator[_Process]:
    for folder in Path("/proc").glob("[0-9]*"):
        process = _process(int(folder.name))
        if process is not None:
            yield process


def _process(pid: int) -> _Process | None:
    """None when it is gone; proc(5): the name may hold anything, so the fields are counted after its closing bracket."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return _Process(pid, state=fields[0], session=int(fields[3]), started=int(fields[19]))


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
