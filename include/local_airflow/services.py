"""Starts and ends the four services. Each has a session of its own, and a file that names every one it has had."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_airflow.sessions import Session
from local_airflow.settings import POOL, POOL_SLOTS
from local_cluster.process import spawn

# The log servers of scheduler and triggerer would listen on every interface.
SERVICES: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
STOP_TIMEOUT_S = 30.0
POLL_S = 0.2


class AirflowError(Exception):
    """An `airflow` command failed."""


@dataclass(frozen=True)
class Services:
    """The services of one home folder."""

    home: Path
    environment: Mapping[str, str]

    def prepare(self) -> None:
        """The metadata database and the pool of the encode tasks; safe to repeat."""
        self.airflow("db", "migrate")
        self.airflow("pools", "set", POOL, str(POOL_SLOTS), "encode tasks at a time")

    def airflow(self, *arguments: str) -> str:
        """Run one `airflow` command to its end; gives what it printed. AirflowError with its last lines if it failed."""
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(command, env=dict(self.environment), capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise AirflowError(f"airflow {' '.join(arguments)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
        return done.stdout

    def start(self) -> None:
        for name in SERVICES:
            if not self.is_running(name):
                self.start_one(name)

    def start_one(self, name: str) -> None:
        command = [sys.executable, "-m", "airflow", *SERVICES[name]]
        session = Session.of(spawn(command, self.home / f"{name}.log", self.environment))
        with self._file(name).open("a", encoding="utf-8") as file:
            file.write(f"{session}\n")

    def is_running(self, name: str) -> bool:
        return self.pid(name) is not None

    def pid(self, name: str) -> int | None:
        """The service's own process, not one that it started; None when it does not run."""
        return next((session.leader for session in self._sessions(name) if session.is_led()), None)

    def kill(self, name: str) -> None:
        """SIGKILL to the service and to all it started, running tasks too; they are gone afterwards."""
        for session in self._sessions(name):
            session.kill()

    def stop(self) -> None:
        """End everything that was ever started here, also what outlived its service."""
        sessions = [session for name in SERVICES for session in self._sessions(name)]
        for session in sessions:
            session.terminate()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while any(session.members() for session in sessions) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        for session in sessions:
            session.kill()
        for name in SERVICES:
            self._file(name).unlink(missing_ok=True)

    def _sessions(self, name: str) -> list[Session]:
        file = self._file(name)
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [Session.parse(line) for line in lines]

    def _file(self, name: str) -> Path:
        return self.home / f"{name}.sessions"
