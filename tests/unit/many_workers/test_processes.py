"""Processes of the demo of many workers: killed, started again, and ended by whoever finds their folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from many_workers.processes import Process, sessions, stop_all, supervised


@pytest.fixture
def sleeper(tmp_path: Path) -> Process:
    return Process("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"], tmp_path, os.environ)


def leaders(folder: Path) -> list[int]:
    return [session.leader for session in sessions(folder / "sleeper.sessions") if session.is_led()]


def test_a_process_that_runs_is_not_started_twice(sleeper: Process, tmp_path: Path) -> None:
    sleeper.start()
    first = leaders(tmp_path)
    sleeper.start()
    assert leaders(tmp_path) == first
    stop_all(tmp_path)


def test_a_killed_process_is_started_again(sleeper: Process, tmp_path: Path) -> None:
    sleeper.start()
    first = leaders(tmp_path)
    sleeper.kill()
    assert leaders(tmp_path) == []
    sleeper.start()
    assert len(leaders(tmp_path)) == 1
    assert leaders(tmp_path) != first
    stop_all(tmp_path)


def test_stopping_ends_what_another_process_has_started(sleeper: Process, tmp_path: Path) -> None:
    sleeper.start()
    (begun,) = sessions(tmp_path / "sleeper.sessions")
    stop_all(tmp_path)
    assert begun.members() == []
    assert not list(tmp_path.glob("*.sessions"))


def test_a_supervised_process_comes_back(sleeper: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("many_workers.processes.RESTART_S", 0.05)
    sleeper.start()
    first = leaders(tmp_path)
    with supervised([sleeper]):
        sleeper.kill()
        while leaders(tmp_path) in ([], first):
            pass
    stop_all(tmp_path)
