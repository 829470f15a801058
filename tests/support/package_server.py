"""A package repository on the loopback address, with ranges, and the faults that real ones have."""

from __future__ import annotations

import hashlib
import io
import ssl
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from local_cluster.certificates import NODE_FILE
from local_cluster.lock import Artifact, Use

SLOW_BYTES_PER_S = 640 * 1024


@dataclass
class PackageServer:
    """`files` by path; requests are (path, Range header or None). cut_after_bytes ends each first answer early.

    slow_paths are sent at SLOW_BYTES_PER_S.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    knows_ranges: bool = True
    cut_after_bytes: int | None = None
    slow_paths: set[str] = field(default_factory=set)

    def add(self, artifact: Artifact, content: bytes) -> Artifact:
        self.files[str(artifact.path)] = content
        return artifact

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path, wanted = handler.path.lstrip("/"), handler.headers.get("Range")
        first = path not in [seen for seen, _ in self.requests]
        self.requests.append((path, wanted))
        content = self.files.get(path)
        if content is None:
            handler.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.knows_ranges else 0
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        body = content[start:]
        if path in self.slow_paths:
            send_slowly(handler, body)
        else:
            handler.wfile.write(body[: self.cut_after_bytes] if first and self.cut_after_bytes else body)


def send_slowly(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    with suppress(ConnectionError):  # the client may lose patience
        for start in range(0, len(body), SLOW_BYTES_PER_S // 10):
            handler.wfile.write(body[start : start + SLOW_BYTES_PER_S // 10])
            time.sleep(0.1)


@contextmanager
def package_server(certificates: Path | None = None) -> Iterator[PackageServer]:
    """`certificates`: a folder that `make_certificates` filled; the server then speaks TLS."""
    packages = PackageServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            packages.answer(self)

        def log_message(self, *_: object) -> None:
            """Keeps the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    packages.url = f"http{'s' if certificates else ''}://127.0.0.1:{server.server_port}"
    if certificates:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / NODE_FILE, certificates / "node-key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield packages
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def artifact(name: str, content: bytes, *targets: str, packaging: str = "jar", profile: str = "plain") -> Artifact:
    """A locked package of that content."""
    uses = tuple(Use(profile, target) for target in targets or ("lib",))
    return Artifact("org.example", name, "1.0", packaging, "", len(content), hashlib.sha256(content).hexdigest(), uses)


def zip_of(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
