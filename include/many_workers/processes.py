"""A server or a service that is started, killed and started again, as a supervisor would."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from local_airflow.sessions import Session
from local_cluster.process import spawn

STOP_TIMEOUT_S = 20.0
RESTART_S = 5.0
POLL_S = 0.2


@dataclass(frozen=True)
class Process:
    """`folder`: where its log is, and a file that names every session it has had."""

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        """If it does not run."""
        if any(session.is_led() for session in sessions(self._file)):
            return
        session = Session.of(spawn(self.command, self.log, self.environment))
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{session}\n")

    def kill(self) -> None:
        """SIGKILL to it and to all that it started."""
        for session in sessions(self._file):
            session.kill()

    @property
    def _file(self) -> Path:
        return self.folder / f"{self.name}.sessions"


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


def sessions(file: Path) -> list[Session]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [Session.parse(line) for line in lines]


def stop_all(folder: Path) -> None:
    """End whatever was started with a file somewhere below `folder`, also by another process."""
    files = sorted(folder.glob("*.sessions"))
    known = [session for file in files for session in sessions(file)]
    for session in known:
        session.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while any(session.members() for session in known) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    for session in known:
        session.kill()
    for file in files:
        file.unlink()
