"""Waiting for a server: what is said when it dies, and when it takes too long."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_cluster.errors import PortTakenError, ServerStartError
from local_cluster.home import Connection, Home
from local_cluster.readiness import last_lines, wait_until_ready
from package_server import package_server


def connection(url: str, home: Path) -> Connection:
    return Connection(url, "127.0.0.1", 1, 1, "plain", "3.6.0", None, None, None, str(home))


def logged(home: Path, text: str) -> Home:
    place = Home(home)
    place.logs.mkdir()
    (place.logs / "server.log").write_text(text)
    return place


def test_a_server_that_dies_is_quoted(tmp_path: Path) -> None:
    home = logged(tmp_path, "unknown setting [nope]\n\tat a.b(C.java)\n\t... 3 more\n")
    with pytest.raises(ServerStartError, match=r"(?s)ended during start.*unknown setting \[nope\]") as caught:
        wait_until_ready(connection("http://127.0.0.1:9", tmp_path), home, alive=lambda: False)
    assert "C.java" not in str(caught.value)
    assert "docker-compose.yaml" in str(caught.value)


def test_a_server_that_found_its_port_taken_says_so(tmp_path: Path) -> None:
    home = logged(tmp_path, "BindHttpException[Failed to bind to 127.0.0.1:20001]\n")
    with pytest.raises(PortTakenError, match="in use by another process"):
        wait_until_ready(connection("http://127.0.0.1:9", tmp_path), home, alive=lambda: False)


def test_another_server_that_took_the_port_is_not_mistaken_for_ours(tmp_path: Path) -> None:
    home = logged(tmp_path, "BindHttpException[Failed to bind to 127.0.0.1:20001]\n")
    with package_server() as stranger:
        stranger.files["_cluster/health"] = b'{"status": "green"}'
        with pytest.raises(PortTakenError):
            wait_until_ready(connection(stranger.url, tmp_path), home, alive=lambda: False)


@pytest.mark.parametrize(
    ("answer", "state"), [(None, "HTTP 404"), (b'{"status": "red"}', "cluster is red")], ids=["no cluster", "red"]
)
def test_the_last_state_is_named_when_time_is_up(tmp_path: Path, answer: bytes | None, state: str) -> None:
    with package_server() as server:
        server.files = {} if answer is None else {"_cluster/health": answer}
        with pytest.raises(ServerStartError, match=rf"not ready after 1 s \({state}\)"):
            wait_until_ready(connection(server.url, tmp_path), Home(tmp_path), alive=lambda: True, timeout_s=1)


def test_a_yellow_cluster_is_ready(tmp_path: Path) -> None:
    with package_server() as server:
        server.files["_cluster/health"] = b'{"status": "yellow"}'
        wait_until_ready(connection(server.url, tmp_path), Home(tmp_path), alive=lambda: True, timeout_s=5)


def test_only_the_end_of_a_long_log_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {n}\n" for n in range(1000)))
    assert last_lines(log, 2) == "line 998\nline 999"
    assert last_lines(tmp_path / "none") == ""
