"""The services' environment and processes, without starting Airflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local_airflow.api import AirflowApi
from local_airflow.services import AirflowError, Services
from local_airflow.sessions import Session
from local_airflow.settings import Login, environment, login_of
from waiting import until


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "airflow"


@pytest.fixture
def services(home: Path) -> Services:
    home.mkdir()
    return Services(home, {**os.environ, "AIRFLOW_HOME": str(home)})


def test_the_login_is_made_once_and_readable_by_its_owner_only(home: Path) -> None:
    first = login_of(home)
    assert login_of(home) == first
    assert len(first.password) >= 12
    assert (home / "login.json").stat().st_mode & 0o077 == 0
    assert (home / "passwords.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("killed_at", ["passwords.json", "login.json"])
def test_a_kill_while_the_login_is_made_leaves_none_that_airflow_refuses(
    home: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    replace_file = Path.replace

    def killed(building: Path, target: Path) -> Path:
        if target.name == killed_at:
            raise KeyboardInterrupt
        return replace_file(building, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            login_of(home)
    login = login_of(home)
    assert json.loads((home / "passwords.json").read_text()) == {login.username: login.password}


def test_everything_listens_on_the_loopback_address(home: Path) -> None:
    settings = environment(Path("/project"), home, {"host": "127.0.0.1", "port": 1})
    assert settings["AIRFLOW__API__HOST"] == "127.0.0.1"
    connection = json.loads(settings["AIRFLOW_CONN_OPENSEARCH_DEFAULT"])
    assert connection["extra"] == {"use_ssl": False, "verify_certs": False}


def test_a_stranger_who_got_an_old_process_id_is_not_signalled(services: Services) -> None:
    with sleeping("60") as stranger:
        session = Session.of(stranger.pid)
        for old in (replace(session, started=session.started - 1), replace(session, boot="another")):
            write_session(services, old)
            assert services.process("scheduler").pid is None
            services.stop()
            assert stranger.poll() is None


def test_kill_ends_all_that_a_service_started_also_under_another_name_and_in_another_group(services: Services) -> None:
    """As Airflow's workers do it: the title overwrites the environment, the task's process leaves the group."""
    code = (
        "import os, time; from setproctitle import setproctitle\n"
        "if os.fork() == 0: os.setpgid(0, 0); setproctitle('airflow worker')\n"
        "time.sleep(60)"
    )
    with python(code) as leader:
        session = Session.of(leader.pid)
        write_session(services, session)
        until(lambda: len(session.members()) == 2)
        assert services.process("scheduler").pid == leader.pid
        services.process("scheduler").kill()
        assert session.members() == []
        assert services.process("scheduler").pid is None


def test_stop_finds_what_outlived_a_service_that_was_killed(services: Services) -> None:
    with python("import os, time; os.fork(); time.sleep(60)") as leader:
        session = Session.of(leader.pid)
        write_session(services, session)
        until(lambda: len(session.members()) == 2)
        leader.kill()
        leader.wait()
        assert services.process("scheduler").pid is None
        assert len(session.members()) == 1
        with sleeping("60") as next_one:  # as `start` would
            write_session(services, Session.of(next_one.pid), "a")
            assert services.process("scheduler").pid == next_one.pid
            services.stop()
        assert session.members() == []


class Pages(AirflowApi):
    """Gives what the API gives of 250 task instances: a hundred at most at once, whatever the limit."""

    def get(self, path: str, **params: Any) -> Any:
        ids = range(250)[params["offset"] :][: min(100, params["limit"])]
        return {"task_instances": [{"id": number} for number in ids], "total_entries": 250}


def test_all_tasks_of_a_run_with_many_parts_are_told() -> None:
    instances = Pages(Login("http://127.0.0.1:1", 1, "admin", "x", "x")).task_instances("d", "r")
    assert [each["id"] for each in instances] == list(range(250))


def test_a_session_cannot_be_told_of_a_process_that_is_gone() -> None:
    with python("") as gone:
        gone.wait()
    with pytest.raises(ProcessLookupError, match="is gone"):
        Session.of(gone.pid)


def test_a_failed_command_says_what_airflow_said(services: Services) -> None:
    with pytest.raises(AirflowError, match=r"(?s)airflow no-such-command failed:.*invalid choice"):
        services.airflow("no-such-command")


def write_session(services: Services, session: Session, mode: str = "w") -> None:
    with (services.folder / "scheduler.sessions").open(mode) as file:
        file.write(f"{session}\n")


@contextmanager
def python(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own."""
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def sleeping(seconds: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return python(f"import time; time.sleep({seconds})")
