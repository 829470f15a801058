"""Servers of a test run end with it, however it ends: passed, failed, interrupted or killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local_airflow.services import SERVICES, Services
from local_cluster import LocalCluster, lost, start, stop

SUPPORT = Path(__file__).parent
INCLUDE = Path(__file__).parents[2] / "include"
# Reads until this process closes its end of the pipe, which the system does also when it is killed.
WATCHER = """
import pathlib, sys
sys.stdin.read()
home = pathlib.Path(sys.argv[1])
if home.exists():
    import own_servers
    getattr(own_servers, sys.argv[2])(home)
"""
WATCHER_TIMEOUT_S = 120
# A session's models come and go in it, real ones among them: with 1 GB the parent breaker opened at times.
HEAP = "1536m"


def discard_server(home: Path) -> None:
    stop(home, discard_data=True)


def discard_airflow(home: Path) -> None:
    """At once: a proper end takes ten seconds, and nothing of it is needed any more."""
    services = Services(home, {})
    for name in SERVICES:
        services.process(name).kill()
    services.stop()


@contextmanager
def server_of_this_run(home: Path, profile: str) -> Iterator[LocalCluster]:
    """A server that is there inside the block. If it died meanwhile, the teardown fails with its last log lines."""
    with ended_with_this_process(home):
        yield start(home, profile, heap=HEAP, quick_start=True, settings={"path.repo": str(home / "snapshots")})
        died = lost(home)
        if died is not None:
            pytest.fail(died)


@contextmanager
def ended_with_this_process(home: Path, end: Callable[[Path], None] = discard_server) -> Iterator[None]:
    """What was started in that folder inside the block does not outlive the block nor this process.

    `end`: a function of this module; a process that watches this one calls it by its name.
    """
    watcher = subprocess.Popen(
        [sys.executable, "-c", WATCHER, str(home), end.__name__],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{INCLUDE}{os.pathsep}{SUPPORT}"},
        start_new_session=True,
    )
    try:
        yield
    finally:
        end(home)
        watcher.communicate(timeout=WATCHER_TIMEOUT_S)
