"""Servers of a test run end with it, however it ends: passed, failed, interrupted or killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local_cluster import LocalCluster, lost, start, stop

INCLUDE = Path(__file__).parents[1] / "include"
# Reads until this process closes its end of the pipe, which the system does also when it is killed.
WATCHER = """
import pathlib, sys
sys.stdin.read()
home = pathlib.Path(sys.argv[1])
if home.exists():
    from local_cluster import stop
    stop(home, discard_data=True)
"""
WATCHER_TIMEOUT_S = 120


@contextmanager
def server_of_this_run(home: Path, profile: str) -> Iterator[LocalCluster]:
    """A server that is there inside the block. If it died meanwhile, the teardown fails with its last log lines."""
    with ended_with_this_process(home):
        yield start(home, profile, quick_start=True)
        died = lost(home)
        if died is not None:
            pytest.fail(died)


@contextmanager
def ended_with_this_process(home: Path) -> Iterator[None]:
    """The server of that folder, started inside the block, does not outlive the block nor this process."""
    watcher = subprocess.Popen(
        [sys.executable, "-c", WATCHER, str(home)],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(INCLUDE)},
        start_new_session=True,
    )
    try:
        yield
    finally:
        stop(home, discard_data=True)
        watcher.communicate(timeout=WATCHER_TIMEOUT_S)
