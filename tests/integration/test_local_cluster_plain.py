"""The life of a real server: start, adopt, crash, restart, stop. One server, a few starts."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from local_cluster import LocalCluster, running, start, stop
from local_cluster.__main__ import NOT_RUNNING, main
from local_cluster.errors import InstanceMismatchError, PortTakenError, ServerStartError

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("instances") / "plain"
    yield folder
    stop(folder, discard_data=True)


@pytest.fixture
def server(home: Path) -> LocalCluster:
    return start(home, heap="512m", settings={"node.attr.kind": "tested"}, quick_start=True)


def get(server: LocalCluster, path: str) -> dict[str, object]:
    return dict(requests.get(f"{server.url}/{path}", timeout=30).json())


def test_it_is_a_complete_server(server: LocalCluster) -> None:
    assert get(server, "")["version"]["number"] == "3.6.0"
    nodes = get(server, "_nodes/plugins,settings")["nodes"]
    (node,) = nodes.values()
    plugins = {plugin["name"] for plugin in node["plugins"]}
    assert plugins == {"opensearch-job-scheduler", "opensearch-knn", "opensearch-ml", "opensearch-neural-search"}
    assert node["settings"]["node"]["attr"]["kind"] == "tested"


def test_every_analyzer_can_be_built(server: LocalCluster) -> None:
    body = {"analyzer": "thai", "text": "การที่ได้ต้องแสดงว่างานดี"}
    answer = requests.post(f"{server.url}/_analyze", json=body, timeout=30).json()
    assert [token["token"] for token in answer["tokens"]] == ["แสดง", "งาน", "ดี"]


def test_starting_it_again_adopts_the_running_one(server: LocalCluster) -> None:
    assert start(server.home) == server
    assert running(server.home) == server


def test_the_command_line_tells_how_to_reach_it(server: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["status"], ["up"]):
        assert main([*command, "--json", "--home", str(server.home)]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["url"], told["pid"], told["password"]) == (server.url, server.pid, None)
    written = server.home / "connection.json"
    assert json.loads(written.read_text()) == told
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_a_running_one_is_not_silently_given_other_settings(server: LocalCluster) -> None:
    with pytest.raises(InstanceMismatchError, match="already runs with other settings"):
        start(server.home, settings={"node.attr.kind": "other"})


def test_a_crash_loses_nothing_and_a_restart_keeps_the_port(server: LocalCluster) -> None:
    requests.put(f"{server.url}/kept/_doc/1?refresh=true", json={"word": "kept"}, timeout=30).raise_for_status()
    server.kill()
    assert not server.is_running()
    assert running(server.home) is None
    again = server.restart()
    assert (again.port, again.pid == server.pid) == (server.port, False)
    assert get(again, "kept/_doc/1")["_source"] == {"word": "kept"}
    (node,) = get(again, "_nodes/settings")["nodes"].values()
    assert node["settings"]["node"]["attr"]["kind"] == "tested"


def test_stopping_keeps_the_data_and_a_taken_port_is_refused(
    server: LocalCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["down", "--home", str(server.home)]) == 0
    assert not server.is_running()
    assert (server.home / "data" / "nodes").is_dir()
    assert main(["status", "--home", str(server.home)]) == NOT_RUNNING
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert main(["up", "--home", str(server.home), "--port", str(port)]) == 1
        assert f"PortTakenError: Port {port} " in capsys.readouterr().err
        with pytest.raises(PortTakenError, match="in use by another process"):
            start(server.home, settings={"http.port": str(port)})


def test_a_server_that_dies_during_start_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match=r"unknown setting \[no\.such\.setting\]"):
        start(tmp_path / "home", heap="512m", settings={"no.such.setting": "1"})
    assert running(tmp_path / "home") is None


def test_a_heap_that_java_refuses_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match="Invalid initial heap size"):
        start(tmp_path / "home", heap="lots")
