"""The folder of one instance: where its files are, and what is remembered between starts."""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from local_cluster.errors import InstanceMismatchError


@dataclass(frozen=True)
class Launch:
    """How an instance was last started; a restart repeats it. password is the administrator's (secure only)."""

    profile: str
    heap: str
    port: int
    transport_port: int
    settings: Mapping[str, str] = field(default_factory=dict)
    password: str | None = None
    quick_start: bool = False


@dataclass(frozen=True)
class Connection:
    """How to reach an instance; also what `up --json` prints. ca_certs and the login are null without security."""

    url: str
    host: str
    port: int
    pid: int
    profile: str
    version: str
    ca_certs: str | None
    username: str | None
    password: str | None
    home: str


@dataclass(frozen=True)
class Home:
    """Paths below one instance's folder (absolute)."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def console_log(self) -> Path:
        return self.logs / "console.log"

    @property
    def pid_file(self) -> Path:
        return self.folder / "pid"

    @property
    def lock_file(self) -> Path:
        return self.folder / ".lock"

    @property
    def _connection_file(self) -> Path:
        return self.folder / "connection.json"

    @property
    def _launch_file(self) -> Path:
        return self.folder / "launch.json"

    def connection(self) -> Connection | None:
        """How to reach the server that was last ready; it may have ended since."""
        return Connection(**_read_json(self._connection_file)) if self._connection_file.exists() else None

    def remember_connection(self, connection: Connection) -> None:
        write_private(self._connection_file, json.dumps(asdict(connection), indent=1))

    def require_ours_or_empty(self) -> None:
        """InstanceMismatchError if the folder holds files of somebody else, which `discard` could remove later."""
        strangers = sorted(path.name for path in self.folder.iterdir() if path != self.lock_file)
        if strangers and not self._launch_file.exists():
            raise InstanceMismatchError(
                f"{self.folder} is not empty ({', '.join(strangers[:5])}) and not the folder of an instance. "
                f"Choose another --home."
            )

    def discard(self) -> None:
        """Remove what an instance makes, and nothing else: the folder was named by a person."""
        folders = (self.config, self.data, self.logs, self.temporary) if self._launch_file.exists() else ()
        for folder in filter(Path.exists, folders):
            shutil.rmtree(folder)
        for file in (self._connection_file, self._launch_file, self.pid_file, self.lock_file):
            file.unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def forget_process(self) -> None:
        self._connection_file.unlink(missing_ok=True)
        self.pid_file.unlink(missing_ok=True)

    def launch(self) -> Launch | None:
        return Launch(**_read_json(self._launch_file)) if self._launch_file.exists() else None

    def remember_launch(self, launch: Launch) -> None:
        write_private(self._launch_file, json.dumps(asdict(launch), indent=1))

    def pid(self) -> int | None:
        text = self.pid_file.read_text(encoding="ascii").strip() if self.pid_file.exists() else ""
        return int(text) if text.isdigit() else None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InstanceMismatchError(
            f"{path} is not readable as JSON ({error}). Remove the folder {path.parent} to start over."
        ) from error
    return dict(content)


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only the user can read it, since it may hold a password."""
    building = path.with_name(f".{path.name}.new")
    building.unlink(missing_ok=True)
    with os.fdopen(os.open(building, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    building.replace(path)
