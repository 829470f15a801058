"""A proxy that counts what passes, and that fails, stalls or kills on demand. Loopback only."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sparse_index.cluster.client import ConnectionSettings

FORWARD_TIMEOUT_S = 60
# How the encoder is proven; encoding sends several together.
ONE_TEXT = "_predict of one text"
_ID_LENGTH = 20


class Fault(Enum):
    """What the proxy does instead of passing a request on and its answer back."""

    NONE = auto()
    OVERLOADED = auto()
    BROKEN = auto()
    RESET = auto()
    ANSWER_LOST = auto()
    # What decided has done something itself, and the request passes.
    DONE = auto()


@dataclass(frozen=True)
class Seen:
    """A request; `number` counts those whose path has the same last word (`_bulk`, `_aliases`, ...), from 1; predict requests
    of one text have a word of their own."""

    verb: str
    number: int
    body: bytes
    method: str = "POST"
    path: str = ""


Decide = Callable[[Seen], Fault]
_ERRORS = {Fault.OVERLOADED: (429, "circuit_breaking_exception"), Fault.BROKEN: (500, "translate_exception")}


def no_fault(_: Seen) -> Fault:
    return Fault.NONE


@dataclass
class FaultyProxy:
    """`decide` is asked for every request before it is passed on; it may wait, or kill something.

    `faults`: how many requests met one.
    """

    host: str
    port: int
    listening: int = 0
    decide: Decide = no_fault
    texts_asked: int = 0
    faults: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def texts_together(self) -> int:
        """Of the texts that were asked for, those that were not alone in their request."""
        return self.texts_asked - self.counts.get(ONE_TEXT, 0)

    @property
    def settings(self) -> ConnectionSettings:
        return ConnectionSettings(host="127.0.0.1", port=self.listening, use_ssl=False)

    def see(self, method: str, path: str, body: bytes) -> Seen:
        verb, texts = _verb(path), 0
        if verb == "_predict":
            texts = len(json.loads(body)["text_docs"])
            verb = ONE_TEXT if texts == 1 else verb
        with self._lock:
            self.counts[verb] = self.counts.get(verb, 0) + 1
            self.texts_asked += texts
            return Seen(verb, self.counts[verb], body, method, path)

    def decide_on(self, seen: Seen) -> Fault:
        fault = self.decide(seen)
        with self._lock:
            self.faults += fault is not Fault.NONE
        return fault

    def wait_for(self, verb: str, more: int, deadline_s: float = 180, alive: Callable[[], bool] = lambda: True) -> None:
        """Until `more` further requests of this kind came, whoever sends them is gone, or the time is over."""
        wanted, deadline = self.counts.get(verb, 0) + more, time.monotonic() + deadline_s
        while self.counts.get(verb, 0) < wanted and time.monotonic() < deadline and alive():
            time.sleep(0.002)


def _verb(path: str) -> str:
    """The first word of the path that names an action. The ids that the server makes may begin with `_` too: 20 characters."""
    words = [word for word in path.partition("?")[0].split("/") if word not in ("_plugins", "_ml")]
    return next((word for word in words if word.startswith("_") and len(word) != _ID_LENGTH), "other")


@contextmanager
def faulty_proxy(target: ConnectionSettings) -> Iterator[FaultyProxy]:
    """A proxy to `target` that runs within the block."""
    proxy = FaultyProxy(target.host, target.port)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _serve(self, proxy)

        do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Keeps the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.listening = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _serve(handler: BaseHTTPRequestHandler, proxy: FaultyProxy) -> None:
    body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    fault = proxy.decide_on(proxy.see(handler.command, handler.path, body))
    if fault in _ERRORS:
        status, kind = _ERRORS[fault]
        error = {"error": {"type": kind, "reason": "made by the test"}, "status": status}
        _answer(handler, status, json.dumps(error).encode())
    elif fault is not Fault.RESET:
        answer = _forwarded(handler, proxy, body)
        if answer is not None and fault is not Fault.ANSWER_LOST:
            _answer(handler, *answer)


def _forwarded(handler: BaseHTTPRequestHandler, proxy: FaultyProxy, body: bytes) -> tuple[int, bytes] | None:
    """None: the server is not there, or went away meanwhile; so does the client's connection."""
    connection = http.client.HTTPConnection(proxy.host, proxy.port, timeout=FORWARD_TIMEOUT_S)
    headers = {"Content-Type": handler.headers.get("Content-Type") or "application/json"}
    try:
        connection.request(handler.command, handler.path, body or None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _answer(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    try:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
    except OSError:
        # The client was killed: nobody is left to be told.
        handler.close_connection = True
