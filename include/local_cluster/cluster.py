"""One instance: start it, ask it, end it."""

import signal
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from local_cluster.assemble import Assembly
from local_cluster.cache import GIB, cache_folder, exclusive, full_disk_named, require_room
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
from local_cluster.machine import require_supported_machine
from local_cluster.ports import HOST, find_free, is_free, require_free
from local_cluster.process import end, is_ours, spawn
from local_cluster.profiles import Profile, profile_named
from local_cluster.readiness import last_words, wait_until_ready
from local_cluster.security import ADMIN, ca_file, new_password, security_settings, write_security_files

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
STOP_TIMEOUT_S = 60.0
KILL_TIMEOUT_S = 20.0
# PyTorch's libraries, if they have to be copied from another disk, and room below the watermarks of OpenSearch.
DATA_ROOM_BYTES = 1 * GIB
DATA_PURPOSE = "The data of a server"


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
        end(self.pid, path_marker(Home(self.home)), signal.SIGKILL, KILL_TIMEOUT_S)

    def stop(self, discard_data: bool = False) -> None:
        stop(self.home, discard_data=discard_data)

    def restart(self) -> "LocalCluster":
        """Stop it if it runs, start it with the same port, data and settings, wait until it answers."""
        stop(self.home)
        home = Home(self.home)
        launch = home.launch()
        if launch is None:
            raise ServerStartError(f"{self.home} was discarded and cannot be restarted. Use start().")
        return start(
            self.home,
            launch.profile,
            heap=launch.heap,
            port=launch.port,
            settings=launch.settings,
            quick_start=launch.quick_start,
        )


def start(
    home: Path,
    profile: str = "plain",
    *,
    heap: str = "1g",
    port: int = 0,
    settings: Mapping[str, str] = NO_SETTINGS,
    quick_start: bool = False,
) -> LocalCluster:
    """Start the instance of that folder, or adopt it if it runs; returns when it is ready for work.

    heap as Java writes it (`1g`, `512m`); port 0 is the former port or a free one; settings are further lines of
    opensearch.yml; quick_start halves the processor time of a start and makes Java code slower in long loads (tests want
    that, measurements do not). Raises LocalClusterError (see errors.py) with what to do next; a server that this call
    started does not go on running then.
    """
    place = Home(Path(home).absolute())
    wanted = profile_named(profile)
    with exclusive(place.lock_file):
        pid = running_pid(place)
        if pid is not None:
            return _when_ready(place, wanted, _adopted_launch(place, wanted, port, settings), pid)
        launch = replace(_launch(place, wanted, heap, port, settings), quick_start=quick_start)
        pid = _spawn(place, wanted, launch)
        with ExitStack() as on_failure:
            on_failure.callback(_end, place, pid)
            cluster = _when_ready(place, wanted, launch, pid)
            on_failure.pop_all()
        return cluster


def stop(home: Path, *, discard_data: bool = False) -> bool:
    """End the instance of that folder if it runs, and say whether it did. discard_data removes its files as well."""
    place = Home(Path(home).absolute())
    if not place.folder.exists():
        return False
    with exclusive(place.lock_file):
        pid = running_pid(place)
        if pid is not None:
            _end(place, pid)
        place.forget_process()
        if discard_data:
            place.discard()
    return pid is not None


def running_pid(home: Home) -> int | None:
    pid = home.pid()
    return pid if pid is not None and is_ours(pid, path_marker(home)) else None


def running(home: Path) -> LocalCluster | None:
    """The instance of that folder if it runs and has been ready."""
    place = Home(Path(home).absolute())
    connection = place.connection()
    alive = connection is not None and running_pid(place) == connection.pid
    return LocalCluster(connection) if connection is not None and alive else None


def lost(home: Path) -> str | None:
    """What the server of that folder said last, if it was ready once and ended without `stop`; else None."""
    place = Home(Path(home).absolute())
    connection = place.connection()
    if connection is None or running_pid(place) == connection.pid:
        return None
    return last_words(f"(pid {connection.pid}) ended without being stopped: it crashed or was killed", place)


def _launch(home: Home, profile: Profile, heap: str, port: int, settings: Mapping[str, str]) -> Launch:
    """Former ports are used again where they are free, so that a connection set up once goes on working."""
    former = home.launch()
    if former is None:
        password = new_password() if profile.secured else None
        return Launch(profile.name, heap, _chosen_port(port, 0), find_free(), dict(settings), password)
    _require_same_profile(home, former, profile)
    transport_port = former.transport_port if is_free(former.transport_port) else find_free()
    return replace(
        former,
        heap=heap,
        port=_chosen_port(port, former.port),
        transport_port=transport_port,
        settings=dict(settings),
    )


def _chosen_port(wanted: int, former: int) -> int:
    if wanted:
        return require_free(wanted)
    return former if former and is_free(former) else find_free()


def _adopted_launch(home: Home, profile: Profile, port: int, settings: Mapping[str, str]) -> Launch:
    launch = home.launch()
    if launch is None:
        raise InstanceMismatchError(f"{home.folder} runs without a launch.json. Stop it (down) and start it again.")
    _require_same_profile(home, launch, profile)
    if port not in (0, launch.port) or (settings and dict(settings) != dict(launch.settings)):
        raise InstanceMismatchError(
            f"The instance in {home.folder} already runs on port {launch.port} with settings {dict(launch.settings)}. "
            f"Stop it (down) and start it again, or use another --home."
        )
    return launch


def _require_same_profile(home: Home, launch: Launch, profile: Profile) -> None:
    if launch.profile != profile.name:
        raise InstanceMismatchError(
            f"{home.folder} holds an instance of profile {launch.profile}, not {profile.name}. Use another --home, "
            f"or remove it first: python -m local_cluster down --discard-data --home {home.folder}"
        )


def _spawn(home: Home, profile: Profile, launch: Launch) -> int:
    require_supported_machine(profile)
    home.require_ours_or_empty()
    cache = cache_folder()
    java = java_executable(profile, cache)
    downloader = Downloader(default_repository(), cache / "packages")
    tree = Assembly(cache, downloader).server_tree(profile, read_lock())
    require_room(home.folder, DATA_ROOM_BYTES, DATA_PURPOSE)
    with full_disk_named(home.folder, DATA_PURPOSE):
        _write_instance(home, profile, launch, tree)
    pid = spawn(java_command(java, home, profile, tree, launch), home.console_log, environment(home))
    home.pid_file.write_text(f"{pid}\n", encoding="ascii")
    return pid


def _write_instance(home: Home, profile: Profile, launch: Launch, tree: Path) -> None:
    home.remember_launch(launch)
    home.forget_process()
    write_configuration(home, launch, security_settings() if profile.secured else NO_SETTINGS)
    if launch.password is not None:
        write_security_files(home, tree, launch.password)
    provide_natives(home, profile, tree)
    home.console_log.unlink(missing_ok=True)


def _when_ready(home: Home, profile: Profile, launch: Launch, pid: int) -> LocalCluster:
    connection = _connection(home, profile, launch, pid)
    wait_until_ready(connection, home, alive=lambda: is_ours(pid, path_marker(home)))
    home.remember_connection(connection)
    return LocalCluster(connection)


def _connection(home: Home, profile: Profile, launch: Launch, pid: int) -> Connection:
    scheme = "https" if profile.secured else "http"
    return Connection(
        url=f"{scheme}://{HOST}:{launch.port}",
        host=HOST,
        port=launch.port,
        pid=pid,
        profile=profile.name,
        version=profile.version,
        ca_certs=str(ca_file(home)) if profile.secured else None,
        username=ADMIN if profile.secured else None,
        password=launch.password,
        home=str(home.folder),
    )


def _end(home: Home, pid: int) -> None:
    marker = path_marker(home)
    if not end(pid, marker, signal.SIGTERM, STOP_TIMEOUT_S):
        end(pid, marker, signal.SIGKILL, KILL_TIMEOUT_S)
