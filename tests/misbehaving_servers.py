"""Small loopback servers for what a real OpenSearch does not do on demand."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Edit = Callable[[str, Any], Any]


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port of a server that runs within the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def file_server(content: bytes, *, seconds: float = 0.0) -> Iterator[str]:
    """The address of `content`, whose download takes at least `seconds`."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            half = len(content) // 2
            self.wfile.write(content[:half])
            time.sleep(seconds)
            self.wfile.write(content[half:])

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}/model.zip"


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
