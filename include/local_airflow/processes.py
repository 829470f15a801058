"""A process that outlives who started it, is killed and started again, and is found by a file that names each session it had."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_airflow.sessions import Session
from local_cluster.process import spawn

STOP_TIMEOUT_S = 30.0
POLL_S = 0.2
_FILES = ".sessions"


@dataclass(frozen=True)
class Process:
    """`folder`: where its log is, and the file of its sessions."""

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """Its own, not that of a process that it started; None when it does not run."""
        return next((session.leader for session in self.sessions if session.is_led()), None)

    @property
    def sessions(self) -> list[Session]:
        return _sessions(self._file)

    def start(self) -> None:
        """If it does not run."""
        if self.pid is not None:
            return
        session = Session.of(spawn(self.command, self.log, self.environment))
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{session}\n")

    def kill(self) -> None:
        """SIGKILL to it and to all that it started, running tasks too; they are gone afterwards."""
        for session in self.sessions:
            session.kill()

    @property
    def _file(self) -> Path:
        return self.folder / f"{self.name}{_FILES}"


def stop_all(folder: Path) -> None:
    """End every process of that folder, whoever started it, and what outlived one."""
    files = sorted(folder.glob(f"*{_FILES}"))
    sessions = [session for file in files for session in _sessions(file)]
    for session in sessions:
        session.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while any(session.members() for session in sessions) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    for session in sessions:
        session.kill()
    for file in files:
        file.unlink()


def _sessions(file: Path) -> list[Session]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [Session.parse(line) for line in lines]
