"""Small loopback servers for what a real OpenSearch does not do on demand."""

from __future__ import annotations

import gzip
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer
from threading import Event, Thread
from typing import Any

Edit = Callable[[str, Any], Any]


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port of a server that runs within the block."""
    with listening(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as port:
        yield port


@contextmanager
def hanging_up(callers: list[bytes]) -> Iterator[int]:
    """The port of a server that hangs up on whoever has said something, which it adds to `callers`."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            callers.append(self.request.recv(4096))

    with listening(ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield port


@contextmanager
def listening(server: TCPServer) -> Iterator[int]:
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def file_server(content: bytes, *, until: Event | None = None) -> Iterator[str]:
    """The address of `content`, whose second half is sent when `until` has happened, at the latest at the block's end."""
    whole = until or Event()
    if until is None:
        whole.set()

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            half = len(content) // 2
            self.wfile.write(content[:half])
            whole.wait()
            self.wfile.write(content[half:])

    with serving(Handler) as port:
        try:
            yield f"http://127.0.0.1:{port}/model.zip"
        finally:
            whole.set()


@contextmanager
def web_server(path: Path, headers: dict[str, str], habits: frozenset[str] = frozenset()) -> Iterator[str]:
    """The address of a file, sent with `headers`, which the test may change, by a server that has `habits`: `whole` (it
    knows no ranges), `gzip`, `no head`, `redirect`, `signed` (it wants `?sig=hush8041`), `overloaded`."""

    class Handler(Quiet):
        def do_HEAD(self) -> None:
            if "no head" in habits:
                self.send_error(405)
            else:
                self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            content = path.read_bytes()
            if "overloaded" in habits:
                self.send_error(503)
                return
            if "signed" in habits and not self.path.endswith("?sig=hush8041"):
                self.send_error(403)
                return
            if "redirect" in habits and self.path == "/a.parquet":
                self.send_response(302)
                self.send_header("Location", "/elsewhere.parquet")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            zipped = "gzip" in habits and "gzip" in self.headers.get("Accept-Encoding", "")
            first, last = 0, len(content) - 1
            asked = None if "whole" in habits else self.headers.get("Range")
            if asked:
                first, last = (int(number) for number in asked.removeprefix("bytes=").split("-"))
            part = gzip.compress(content) if zipped else content[first : last + 1]
            self.send_response(206 if asked else 200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(part)))
            if zipped:
                self.send_header("Content-Encoding", "gzip")
            if asked:
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
            self.end_headers()
            if body:
                self.wfile.write(part)

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}/a.parquet{'?sig=hush8041' if 'signed' in habits else ''}"


@contextmanager
def editing_proxy(target: str, edit: Edit) -> Iterator[int]:
    """The port of a proxy to `target` that lets `edit(path, answer)` change every JSON answer of a GET."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.forward()

        def do_POST(self) -> None:
            self.forward()

        def do_PUT(self) -> None:
            self.forward()

        def do_DELETE(self) -> None:
            self.forward()

        def forward(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
            headers = {"Content-Type": self.headers.get("Content-Type") or "application/json"}
            request = urllib.request.Request(target + self.path, data=sent, method=self.command, headers=headers)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    status, body = answer.status, answer.read()
            except urllib.error.HTTPError as error:
                status, body = error.code, error.read()
            if self.command == "GET" and status == 200:
                body = json.dumps(edit(self.path, json.loads(body))).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as port:
        yield port


class Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return
