"""The services' environment and processes, without starting Airflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local_airflow.services import Services
from local_airflow.settings import environment, login_of


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "airflow"


def test_the_login_is_made_once_and_readable_by_its_owner_only(home: Path) -> None:
    first = login_of(home)
    assert login_of(home) == first
    assert len(first.password) >= 12
    assert (home / "login.json").stat().st_mode & 0o077 == 0
    assert (home / "passwords.json").stat().st_mode & 0o077 == 0


def test_everything_listens_on_the_loopback_address(home: Path) -> None:
    settings = environment(Path("/project"), home, {"host": "127.0.0.1", "port": 1})
    assert settings["AIRFLOW__API__HOST"] == "127.0.0.1"
    connection = json.loads(settings["AIRFLOW_CONN_OPENSEARCH_DEFAULT"])
    assert connection["extra"] == {"use_ssl": False, "verify_certs": False}


def test_only_a_process_of_this_home_is_ever_signalled(home: Path) -> None:
    home.mkdir()
    services = Services(home, {**os.environ, "AIRFLOW_HOME": str(home)})
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        (home / "scheduler.pid").write_text(str(stranger.pid))
        assert not services.is_running("scheduler")
        services.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_kill_ends_a_service_with_all_it_started(home: Path) -> None:
    home.mkdir()
    services = Services(home, {**os.environ, "AIRFLOW_HOME": str(home)})
    code = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); time.sleep(60)"
    leader = subprocess.Popen([sys.executable, "-c", code], env=services.environment, start_new_session=True)
    (home / "scheduler.pid").write_text(str(leader.pid))
    deadline = time.monotonic() + 20
    while not (children := _children(leader.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert services.is_running("scheduler")
    services.kill("scheduler")
    leader.wait(timeout=10)
    while any(Path(f"/proc/{child}/cmdline").exists() and _alive(child) for child in children):
        assert time.monotonic() < deadline, "a child outlived its service"
        time.sleep(0.05)
    assert not services.is_running("scheduler")


def test_a_failed_command_says_what_airflow_said(home: Path) -> None:
    home.mkdir()
    services = Services(home, {**os.environ, "AIRFLOW_HOME": str(home)})
    with pytest.raises(RuntimeError, match=r"(?s)airflow no-such-command failed:.*invalid choice"):
        services.airflow("no-such-command")


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
