"""No server outlives the test run that started it. A sleeping process stands for the server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cluster.__main__ import main
from local_cluster.configuration import path_marker
from local_cluster.home import Home, Launch
from local_cluster.process import end, is_ours, spawn
from own_servers import INCLUDE, ended_with_this_process

SUPPORT = Path(__file__).parents[2] / "support"
RUN = """
import pathlib, sys, time
from own_servers import ended_with_this_process
with ended_with_this_process(pathlib.Path(sys.argv[1])):
    print("inside", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    place = Home(tmp_path / "home")
    place.folder.mkdir()
    place.remember_launch(Launch("plain", "1g", 20001, 20002))
    return place


@pytest.fixture
def server(home: Home) -> Iterator[int]:
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)", path_marker(home)]
    pid = spawn(sleeper, home.console_log, dict(os.environ))
    home.pid_file.write_text(f"{pid}\n")
    yield pid
    end(pid, path_marker(home), signal.SIGKILL, 10)


def gone_within(seconds: float, pid: int, home: Home) -> bool:
    deadline = time.monotonic() + seconds
    while is_ours(pid, path_marker(home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_ours(pid, path_marker(home))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=lambda how: how.name)
def test_a_run_that_is_ended_by_a_signal_takes_its_server_along(home: Home, server: int, how: signal.Signals) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{INCLUDE}:{SUPPORT}"}
    command = [sys.executable, "-c", RUN, str(home.folder)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "inside\n"
        run.send_signal(how)
    assert gone_within(30, server, home)


def test_a_failing_block_takes_its_server_along(home: Home, server: int) -> None:
    with pytest.raises(ZeroDivisionError), ended_with_this_process(home.folder):
        raise ZeroDivisionError
    assert not is_ours(server, path_marker(home))
    assert not home.folder.exists()


def test_down_keeps_the_data_unless_told_otherwise(home: Home, server: int, capsys: pytest.CaptureFixture[str]) -> None:
    home.data.mkdir()
    (home.data / "kept").touch()
    assert main(["down", "--home", str(home.folder)]) == 0
    assert capsys.readouterr().out.startswith("Stopped the server")
    assert not is_ours(server, path_marker(home))
    assert (home.data / "kept").exists()
    assert main(["down", "--discard-data", "--home", str(home.folder)]) == 0
    assert not home.folder.exists()
