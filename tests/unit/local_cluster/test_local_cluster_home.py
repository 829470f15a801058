"""The instance's folder: private, never mixed with other people's files, checked before anything is done."""

from __future__ import annotations

import json
import os
import platform
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from local_cluster import cluster, machine
from local_cluster.__main__ import NOT_RUNNING, main
from local_cluster.cache import free_bytes, full_disk_named, require_room
from local_cluster.cluster import lost, running, start, stop
from local_cluster.download import Downloader
from local_cluster.errors import (
    DiskFullError,
    DownloadError,
    InstanceMismatchError,
    LocalClusterError,
    UnsupportedMachineError,
)
from local_cluster.home import Connection, Home, Launch
from local_cluster.profiles import profile_named

LAUNCH = Launch("plain", "1g", 20001, 20002, {"node.attr.x": "y"}, "secret")
CONNECTION = Connection(
    url="http://127.0.0.1:20001",
    host="127.0.0.1",
    port=20001,
    pid=1,
    profile="plain",
    version="3.6.0",
    ca_certs=None,
    username=None,
    password=None,
    home="/h",
)


def test_what_is_remembered_is_read_back_and_private(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.remember_launch(LAUNCH)
    home.remember_connection(CONNECTION)
    assert (home.launch(), home.connection()) == (LAUNCH, CONNECTION)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_a_torn_file_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "launch.json").write_text('{"profile": "pl')
    with pytest.raises(InstanceMismatchError, match="start over"):
        Home(tmp_path).launch()


def test_discarding_keeps_the_files_of_others(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.remember_launch(LAUNCH)
    home.data.mkdir()
    (home.data / "ours").touch()
    (tmp_path / "letter.txt").touch()
    stop(tmp_path, discard_data=True)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_discarding_in_a_folder_that_is_no_instance_removes_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").touch()
    stop(tmp_path, discard_data=True)
    assert (tmp_path / "data" / "thesis.txt").exists()


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(InstanceMismatchError, match=r"not empty \(thesis\.txt\)"):
        start(tmp_path)


def test_a_folder_of_the_other_profile_is_refused(tmp_path: Path) -> None:
    Home(tmp_path).remember_launch(LAUNCH)
    with pytest.raises(InstanceMismatchError, match="holds an instance of profile plain, not secure"):
        start(tmp_path, "secure")


def test_an_unknown_profile_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(LocalClusterError, match="plain, secure"):
        start(tmp_path, "fancy")


def test_a_pid_that_was_given_to_another_process_is_left_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.remember_launch(LAUNCH)
    home.pid_file.write_text(f"{os.getpid()}\n")
    assert running(tmp_path) is None
    assert stop(tmp_path) is False
    assert not home.pid_file.exists()


def test_a_machine_without_natives_is_told_so() -> None:
    with pytest.raises(UnsupportedMachineError, match=r"this machine is darwin-arm64\..*docker-compose\.yaml"):
        machine.require_supported_machine(profile_named("plain"), "darwin-arm64")


def test_start_asks_for_the_machine_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(UnsupportedMachineError, match="linux-riscv64"):
        start(tmp_path / "home")


def test_a_start_without_network_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARSE_INDEX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SPARSE_INDEX_MAVEN_REPOSITORY", "http://127.0.0.1:9")
    monkeypatch.setattr(cluster, "Downloader", patient_for_one_try)
    with pytest.raises(DownloadError, match="Check the network"):
        start(tmp_path / "home")
    stop(tmp_path / "home", discard_data=True)
    assert not (tmp_path / "home").exists()


def patient_for_one_try(url: str, folder: Path) -> Downloader:
    return Downloader(url, folder, attempts=1)


def test_room_is_asked_of_the_disk_that_the_folder_will_be_on(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") > 0
    with pytest.raises(DiskFullError, match=r"needs \d+ MiB in .*--home"):
        require_room(tmp_path, 1 << 60, "The data of a server")


def test_a_disk_that_is_full_is_named() -> None:
    told = r"The data of a server filled the disk of /dev.*docker-compose\.yaml"
    with pytest.raises(DiskFullError, match=told), full_disk_named(Path("/dev"), "The data of a server"):
        Path("/dev/full").write_text("x")


def test_other_troubles_with_files_keep_their_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), full_disk_named(tmp_path, "The data of a server"):
        (tmp_path / "no" / "such").write_text("x")


def test_a_server_that_died_is_reported_with_its_last_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    home.remember_connection(replace(CONNECTION, home=str(tmp_path)))
    home.pid_file.write_text("1\n")
    home.logs.mkdir()
    home.console_log.write_text("java.lang.OutOfMemoryError: Java heap space\n")
    assert main(["status", "--home", str(tmp_path)]) == NOT_RUNNING
    told = capsys.readouterr().out
    assert "(pid 1) ended without being stopped" in told
    assert "OutOfMemoryError" in told
    stop(tmp_path)
    assert lost(tmp_path) is None


def test_status_of_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--home", str(tmp_path / "x")]) == NOT_RUNNING
    assert "No server runs" in capsys.readouterr().out
    assert main(["status", "--json", "--home", str(tmp_path / "x")]) == NOT_RUNNING
    assert json.loads(capsys.readouterr().out) == {}


def test_down_of_nothing_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down", "--home", str(tmp_path / "x")]) == 0
    assert "No server runs" in capsys.readouterr().out
    assert not (tmp_path / "x").exists()


def test_the_command_line_shows_the_reason_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").touch()
    assert main(["up", "--home", str(tmp_path)]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("InstanceMismatchError: ")
