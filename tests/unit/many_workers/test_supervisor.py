"""Processes of the demo of many workers come back."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from local_airflow.processes import Process, stop_all
from many_workers.supervisor import supervised
from waiting import until


def test_a_supervised_process_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("many_workers.supervisor.RESTART_S", 0.05)
    sleeper = Process("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"], tmp_path, os.environ)
    sleeper.start()
    first = sleeper.pid
    try:
        with supervised([sleeper]):
            sleeper.kill()
            until(lambda: sleeper.pid not in (None, first))
    finally:
        stop_all(tmp_path)
