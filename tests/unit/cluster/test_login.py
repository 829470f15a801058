"""What goes over the wire as name and password, from the client of tasks and from the triggerer's."""

from __future__ import annotations

import asyncio
import threading
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest

from sparse_index.cluster.client import AsyncCluster, Cluster, ConnectionSettings, basic_authorization
from sparse_index.errors import ConfigError

LOGINS = [("müller", "straße"), ("build", "5€uro"), ("build", "пароль"), ("日本", "🎉"), ("build", "a:b%40 c@d/é?#")]


class Server(ThreadingHTTPServer):
    """Answers everything with its greeting and keeps (path, login) of each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, bytes]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.seen.append((self.path, b64decode(self.headers["Authorization"].removeprefix("Basic "))))
        body = orjson.dumps({"version": {"number": "3.6.0", "distribution": "opensearch"}})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keeps the test's output quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask_both(settings: ConnectionSettings) -> None:
    cluster = Cluster.connect(settings, attempts=1)
    cluster.get("/_cluster/health")
    cluster.close()

    async def ask() -> None:
        cluster = AsyncCluster(settings)
        await cluster.find("/_cluster/health")
        await cluster.close()

    asyncio.run(ask())


@pytest.mark.parametrize(("user", "password"), LOGINS)
def test_both_clients_send_utf_8(server: Server, user: str, password: str) -> None:
    ask_both(ConnectionSettings("127.0.0.1", server.server_port, use_ssl=False, username=user, password=password))
    assert server.seen == [("/_cluster/health", f"{user}:{password}".encode())] * 2


def test_both_clients_put_a_prefix_before_every_path(server: Server) -> None:
    settings = ConnectionSettings("127.0.0.1", server.server_port, use_ssl=False, username="build", password="")
    ask_both(replace(settings, path_prefix="search/eu"))
    assert server.seen == [("/search/eu/_cluster/health", b"build:")] * 2


def test_bytes_of_the_environment_that_are_no_text_stay_what_they_are() -> None:
    password = b"\xfc\xdf".decode(errors="surrogateescape")
    assert b64decode(basic_authorization("build", password).removeprefix("Basic ")) == b"build:\xfc\xdf"


def test_a_user_name_with_a_colon_is_refused_in_words() -> None:
    with pytest.raises(
        ConfigError, match="'team:build' cannot be used: what follows its colon would count as the password"
    ):
        ConnectionSettings("h", username="team:build", password="s3cret").client_arguments()
