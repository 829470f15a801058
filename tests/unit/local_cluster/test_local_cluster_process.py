"""Processes: they outlive their parent, and only our own are ever ended. With real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cluster.errors import PortTakenError
from local_cluster.ports import CANDIDATES, find_free, is_free, require_free
from local_cluster.process import end, is_ours, spawn
from waiting import until

MARKER = "-Dmarker=/some/home/config"
SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)", MARKER]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)",
    MARKER,
]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[int]:
    pid = spawn(SLEEPER, tmp_path / "logs" / "console.log", dict(os.environ))
    yield pid
    end(pid, MARKER, signal.SIGKILL, 10)


def test_a_started_process_is_recognised_and_ended(sleeper: int) -> None:
    assert is_ours(sleeper, MARKER)
    assert end(sleeper, MARKER, signal.SIGTERM, 10)
    assert not is_ours(sleeper, MARKER)


def test_a_process_of_somebody_else_is_not_touched(sleeper: int) -> None:
    assert not is_ours(sleeper, "-Dmarker=/some/home")
    assert end(sleeper, "-Dmarker=/other/home/config", signal.SIGKILL, 1)
    assert is_ours(sleeper, MARKER)


def test_a_process_has_a_session_of_its_own(sleeper: int) -> None:
    assert os.getsid(sleeper) == sleeper


def test_a_process_that_ignores_the_polite_signal_is_reported(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    pid = spawn(STUBBORN, log, dict(os.environ))
    until(lambda: bool(log.read_text()))
    assert not end(pid, MARKER, signal.SIGTERM, 0.5)
    assert end(pid, MARKER, signal.SIGKILL, 10)


def test_it_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys; from local_cluster.process import spawn; "
        f"print(spawn({SLEEPER!r}, pathlib.Path({str(tmp_path / 'log')!r}), dict(os.environ)))"
    )
    include = Path(__file__).parents[3] / "include"
    environment = {**os.environ, "PYTHONPATH": str(include)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    pid = int(done.stdout)
    assert is_ours(pid, MARKER)
    assert end(pid, MARKER, signal.SIGKILL, 10)


def test_what_it_prints_goes_to_the_log(tmp_path: Path) -> None:
    pid = spawn([sys.executable, "-c", "import sys; print('out'); sys.exit('err')"], tmp_path / "log", dict(os.environ))
    os.waitpid(pid, 0)
    assert sorted((tmp_path / "log").read_text().split()) == ["err", "out"]


def test_a_port_in_use_is_refused_with_its_number() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(PortTakenError, match=rf"Port {port} .*--port 0.*docker-compose\.yaml"):
            require_free(port)
    assert require_free(port) == port


def test_a_found_port_is_free_and_not_one_of_the_system() -> None:
    port = find_free()
    assert port in CANDIDATES
    assert is_free(port)
