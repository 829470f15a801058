"""The four services of one Airflow, and its commands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_airflow.processes import Process, stop_all
from local_airflow.settings import POOL, POOL_SLOTS

# The log servers of scheduler and triggerer would listen on every interface.
SERVICES: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


class AirflowError(Exception):
    """An `airflow` command failed."""


@dataclass(frozen=True)
class Services:
    """`folder`: of their logs. `python`: the command that is Python where Airflow is installed."""

    folder: Path
    environment: Mapping[str, str]
    python: Sequence[str] = (sys.executable,)

    def prepare(self, encode_tasks: int = POOL_SLOTS) -> None:
        """The metadata database and the pool of the encode tasks; safe to repeat."""
        self.airflow("db", "migrate")
        self.airflow("pools", "set", POOL, str(encode_tasks), "encode tasks at a time")

    def airflow(self, *arguments: str) -> str:
        """Run one `airflow` command to its end; gives what it printed. AirflowError with its last lines if it failed."""
        command = [*self.python, "-m", "airflow", *arguments]
        done = subprocess.run(command, env=dict(self.environment), capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise AirflowError(f"airflow {' '.join(arguments)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
        return done.stdout

    def process(self, name: str) -> Process:
        """One of `SERVICES`."""
        return Process(name, [*self.python, "-m", "airflow", *SERVICES[name]], self.folder, self.environment)

    def start(self) -> None:
        for name in SERVICES:
            self.process(name).start()

    def stop(self) -> None:
        """End everything that was ever started in the folder, also what outlived its service."""
        stop_all(self.folder)
