"""A run outside Airflow says in its build folder that it lives, so that a later run can prove it dead.

    <build folder>/alive.json      host, process, when the process started, the last beat, and whether the run has ended

A killed run writes no end. Then its process is gone, which the same host can see, or its beats stay away.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sparse_index.errors import SparseIndexError
from sparse_index.store.files import Store
from sparse_index.store.layout import builds_folder
from sparse_index.timing import Now, utc_now
from sparse_index.values import Frozen

log = logging.getLogger(__name__)

SIGN = "alive.json"
BEAT_S = 30.0
SILENCE = timedelta(minutes=15)


class Sign(Frozen):
    """`host`: where `pid` means something, this boot and this container only; `started`: tells a process from a later one
    with the same number, None where the system does not say."""

    host: str
    pid: int
    started: str | None
    beat: datetime
    ended: bool = False

    def is_living(self, now: datetime) -> bool:
        """False when the run has ended, its process is gone, or 15 minutes are over without a beat."""
        if self.ended:
            return False
        if self.started is not None and self.host == this_host():
            return process_start(self.pid) == self.started
        return now - self.beat < SILENCE


def is_living(store: Store, folder: str, now: datetime) -> bool | None:
    """What the sign in a build folder says; None where there is none, or none that can be read."""
    try:
        return Sign.model_validate_json(store.read_bytes(f"{folder}/{SIGN}")).is_living(now)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def living_builds(store: Store, alias: str, now: datetime) -> list[str]:
    """The ids of the builds of `alias` whose sign of life says that they are at work."""
    folders = [path.removesuffix(f"/{SIGN}") for path in store.files(builds_folder(alias), f"/{SIGN}")]
    return [folder.rpartition("/")[2] for folder in folders if is_living(store, folder, now)]


@contextmanager
def sign_of_life(store: Store, folder: str, now: Now = utc_now, beat_s: float = BEAT_S) -> Iterator[None]:
    """Beat every `beat_s` seconds while the block runs, from before its first line; say that it has ended after its last."""
    stopped = threading.Event()
    thread = threading.Thread(
        target=_beat, args=(store, folder, now, beat_s, stopped), name="sign of life", daemon=True
    )
    _write(store, folder, now())
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        _try_to_write(store, folder, now(), ended=True)


def _beat(store: Store, folder: str, now: Now, beat_s: float, stopped: threading.Event) -> None:
    while not stopped.wait(beat_s):
        _try_to_write(store, folder, now())


def _try_to_write(store: Store, folder: str, beat: datetime, *, ended: bool = False) -> None:
    """A store that does not answer for a moment stops no run, and hides no other error."""
    try:
        _write(store, folder, beat, ended=ended)
    except (SparseIndexError, OSError) as error:
        log.warning("The sign of life in %s could not be written: %s", folder, error)


def _write(store: Store, folder: str, beat: datetime, *, ended: bool = False) -> None:
    pid = os.getpid()
    sign = Sign(host=this_host(), pid=pid, started=process_start(pid), beat=beat, ended=ended)
    store.write_bytes(f"{folder}/{SIGN}", sign.model_dump_json().encode())


def this_host() -> str:
    """Host name, boot and process namespace: equal where process numbers mean the same processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{socket.gethostname()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


def process_start(pid: int) -> str | None:
    """When process `pid` of this host began, in clock ticks since boot; None when it is gone, or the system does not say."""
    try:
        # The name before the closing bracket may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    is_dead = fields[0] in "ZX"  # killed, and its parent has not asked for it
    return None if is_dead else fields[19]
