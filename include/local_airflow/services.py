"""Starts and ends the four services. Each has a process group of its own and a file with its process id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from local_airflow.settings import POOL, POOL_SLOTS

# The log servers of scheduler and triggerer would listen on every interface.
SERVICES: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
STOP_TIMEOUT_S = 30.0
POLL_S = 0.2


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
        """Run one `airflow` command to its end; gives what it printed. RuntimeError with its last lines if it failed."""
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(command, env=dict(self.environment), capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise RuntimeError(f"airflow {' '.join(arguments)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
        return done.stdout

    def start(self) -> None:
        for name in SERVICES:
            if not self.is_running(name):
                self.start_one(name)

    def start_one(self, name: str) -> None:
        log = self.home / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "airflow", *SERVICES[name]],
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._pid_file(name).write_text(str(process.pid), encoding="utf-8")

    def is_running(self, name: str) -> bool:
        pid = self._pid(name)
        if pid is None:
            return False
        with suppress(ChildProcessError):  # started by another process: nothing to collect
            os.waitpid(pid, os.WNOHANG)
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False
        return f"AIRFLOW_HOME={self.home}".encode() in environment

    def kill(self, name: str) -> None:
        """SIGKILL to the service and to all it started."""
        self._signal(name, signal.SIGKILL)

    def stop(self) -> None:
        for name in SERVICES:
            self._signal(name, signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while any(self.is_running(name) for name in SERVICES) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        for name in SERVICES:
            self.kill(name)
            self._pid_file(name).unlink(missing_ok=True)

    def _signal(self, name: str, number: signal.Signals) -> None:
        pid = self._pid(name)
        if pid is not None and self.is_running(name):
            os.killpg(pid, number)

    def _pid_file(self, name: str) -> Path:
        return self.home / f"{name}.pid"

    def _pid(self, name: str) -> int | None:
        file = self._pid_file(name)
        return int(file.read_text(encoding="utf-8")) if file.exists() else None
