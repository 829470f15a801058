"""The life of a real server: adopt, crash, restart, and starts that fail. On the session's server where possible."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from local_cluster import LocalCluster, cluster, lost, running, start
from local_cluster.__main__ import main
from local_cluster.errors import DiskFullError, InstanceMismatchError, PortTakenError, ServerStartError
from local_cluster.home import Home, Launch

pytestmark = pytest.mark.integration


def get(server: LocalCluster, path: str) -> dict[str, Any]:
    return dict(requests.get(f"{server.url}/{path}", timeout=30).json())


def test_it_is_a_complete_server(plain_server: LocalCluster) -> None:
    assert get(plain_server, "")["version"]["number"] == "3.6.0"
    (node,) = get(plain_server, "_nodes/plugins")["nodes"].values()
    plugins = {plugin["name"] for plugin in node["plugins"]}
    assert plugins == {"opensearch-job-scheduler", "opensearch-knn", "opensearch-ml", "opensearch-neural-search"}


def test_a_search_may_ask_for_more_hits_than_it_shows(plain_server: LocalCluster) -> None:
    (node,) = get(plain_server, "_nodes/search_pipelines")["nodes"].values()
    requests_and_responses = (
        node["search_pipelines"]["request_processors"] + node["search_pipelines"]["response_processors"]
    )
    assert {"oversample", "truncate_hits"} <= {processor["type"] for processor in requests_and_responses}


def test_every_analyzer_can_be_built(plain_server: LocalCluster) -> None:
    body = {"analyzer": "thai", "text": "การที่ได้ต้องแสดงว่างานดี"}
    answer = requests.post(f"{plain_server.url}/_analyze", json=body, timeout=30).json()
    assert [token["token"] for token in answer["tokens"]] == ["แสดง", "งาน", "ดี"]


def test_starting_it_again_adopts_the_running_one(plain_server: LocalCluster) -> None:
    assert start(plain_server.home) == plain_server
    assert running(plain_server.home) == plain_server


def test_the_command_line_tells_how_to_reach_it(plain_server: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["status"], ["up"]):
        assert main([*command, "--json", "--home", str(plain_server.home)]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["url"], told["pid"], told["password"]) == (plain_server.url, plain_server.pid, None)
    written = plain_server.home / "connection.json"
    assert json.loads(written.read_text()) == told
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_a_running_one_is_not_silently_given_other_settings(plain_server: LocalCluster) -> None:
    with pytest.raises(InstanceMismatchError, match=r"already runs on port \d+ with settings"):
        start(plain_server.home, settings={"node.attr.kind": "other"})
    with pytest.raises(InstanceMismatchError, match=f"already runs on port {plain_server.port}"):
        start(plain_server.home, port=plain_server.port + 1)


def test_a_crash_is_reported_loses_nothing_and_a_restart_keeps_the_port(plain_server: LocalCluster) -> None:
    before = running(plain_server.home)
    assert before is not None
    requests.put(f"{before.url}/kept/_doc/1?refresh=true", json={"word": "kept"}, timeout=30).raise_for_status()
    before.kill()
    assert running(before.home) is None
    assert f"(pid {before.pid}) ended without being stopped" in str(lost(before.home))
    again = before.restart()
    assert lost(again.home) is None
    assert (again.port, again.pid == before.pid) == (before.port, False)
    assert get(again, "kept/_doc/1")["_source"] == {"word": "kept"}
    requests.delete(f"{again.url}/kept", timeout=30).raise_for_status()


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_a_taken_port_is_refused(taken_port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--home", str(tmp_path / "home"), "--port", str(taken_port)]) == 1
    assert f"PortTakenError: Port {taken_port} " in capsys.readouterr().err


def test_a_port_that_is_taken_during_the_start_is_named(taken_port: int, tmp_path: Path) -> None:
    with pytest.raises(PortTakenError, match="in use by another process") as caught:
        start(tmp_path / "home", heap="512m", settings={"http.port": str(taken_port)}, quick_start=True)
    assert str(taken_port) in str(caught.value)
    assert running(tmp_path / "home") is None


def test_a_server_that_dies_during_start_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match=r"unknown setting \[no\.such\.setting\]"):
        start(tmp_path / "home", heap="512m", settings={"no.such.setting": "1"}, quick_start=True)
    assert running(tmp_path / "home") is None


def test_a_heap_that_java_refuses_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match="Invalid initial heap size"):
        start(tmp_path / "home", heap="lots")


def test_a_disk_that_fills_up_before_the_start_is_named(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.remember_launch(Launch("plain", "512m", 20001, 20002))
    home.config.mkdir()
    (home.config / "opensearch.yml").symlink_to("/dev/full")  # every write fails with "no space left on device"
    with pytest.raises(DiskFullError, match="The data of a server filled the disk"):
        start(tmp_path)
    assert running(tmp_path) is None


def test_a_start_that_is_given_up_leaves_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cluster, "wait_until_ready", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "home", heap="512m")
    assert cluster.running_pid(Home(tmp_path / "home")) is None
