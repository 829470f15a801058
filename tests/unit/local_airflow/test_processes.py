"""Processes that are killed, started again, and ended by whoever finds their folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from local_airflow.processes import Process, stop_all


@pytest.fixture
def sleeper(tmp_path: Path) -> Process:
    return Process("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"], tmp_path, os.environ)


def test_a_process_that_runs_is_not_started_twice(sleeper: Process, tmp_path: Path) -> None:
    sleeper.start()
    first = sleeper.pid
    sleeper.start()
    assert sleeper.pid == first
    assert len(sleeper.sessions) == 1
    stop_all(tmp_path)


def test_a_killed_process_is_started_again(sleeper: Process, tmp_path: Path) -> None:
    sleeper.start()
    first = sleeper.pid
    sleeper.kill()
    assert sleeper.pid is None
    sleeper.start()
    assert sleeper.pid not in (None, first)
    stop_all(tmp_path)


def test_stopping_ends_what_another_process_has_started(sleeper: Process, tmp_path: Path) -> None:
    sleeper.start()
    (begun,) = sleeper.sessions
    stop_all(tmp_path)
    assert begun.members() == []
    assert not list(tmp_path.glob("*.sessions"))
