"""One instance: start it, ask it, end it."""

import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from local_cluster.assemble import Assembly
from local_cluster.cache import cache_folder, exclusive
from local_cluster.configuration import (
    environment,
    java_command,
    path_marker,
    provide_natives,
    write_configuration,
)
from local_cluster.download import Downloader, default_repository
from local_cluster.errors import InstanceMismatchError, ServerStartError
from local_cluster.home import Connection, Home, Launch
from local_cluster.java import java_executable
from local_cluster.lock import read_lock
from local_cluster.ports import HOST, find_free, is_free, require_free
from local_cluster.process import end, is_ours, spawn
from local_cluster.profiles import Profile, profile_named
from local_cluster.readiness import wait_until_ready

STOP_TIMEOUT_S = 60.0
KILL_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class LocalCluster:
    """A started instance. It goes on running when the Python process ends; `stop` ends it."""

    connection: Connection

    @property
    def url(self) -> str:
        return self.connection.url

    @property
    def host(self) -> str:
        return self.connection.host

    @property
    def port(self) -> int:
        return self.connection.port

    @property
    def pid(self) -> int:
        return self.connection.pid

    @property
    def profile(self) -> str:
        return self.connection.profile

    @property
    def ca_certs(self) -> str | None:
        return self.connection.ca_certs

    @property
    def username(self) -> str | None:
        return self.connection.username

    @property
    def password(self) -> str | None:
        return self.connection.password

    @property
    def home(self) -> Path:
        return Path(self.connection.home)

    def is_running(self) -> bool:
        return is_ours(self.pid, path_marker(Home(self.home)))

    def kill(self) -> None:
        """SIGKILL, without any warning to the server; the data stay as they are."""
        if not end(self.pid, path_marker(Home(self.home)), signal.SIGKILL, KILL_TIMEOUT_S):
            raise ServerStartError(f"Process {self.pid} of {self.home} did not end after SIGKILL.")

    def stop(self, discard_data: bool = False) -> None:
        stop(self.home, discard_data=discard_data)

    def restart(self) -> "LocalCluster":
        """Stop it if it runs, start it with the same port, data and settings, wait until it answers."""
        stop(self.home)
        home = Home(self.home)
        launch = home.launch()
        if launch is None:
            raise ServerStartError(f"{self.home} was discarded and cannot be restarted. Use start().")
        return start(self.home, launch.profile, heap=launch.heap, port=launch.port, settings=launch.settings)
