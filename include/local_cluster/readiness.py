"""Waits until a started server is ready for work."""

import time
from collections.abc import Callable
from pathlib import Path

import requests

from local_cluster.errors import DOCKER_HINT, PortTakenError, ServerStartError
from local_cluster.home import Connection, Home

# Long enough for a busy machine; a server that dies is noticed at once.
START_TIMEOUT_S = 300.0
POLL_S = 0.5
LAST_LINES = 15
STACK_FRAMES = ("\tat ", "\t... ")


def wait_until_ready(
    connection: Connection, home: Home, alive: Callable[[], bool], timeout_s: float = START_TIMEOUT_S
) -> None:
    """Return when the cluster answers; ServerStartError with the last log lines when it died or took too long."""
    deadline = time.monotonic() + timeout_s
    while True:
        state = probe(connection)
        if not alive():
            raise _ended(home)
        if state == "ready":
            return
        if time.monotonic() > deadline:
            raise ServerStartError(last_words(f"was not ready after {timeout_s:.0f} s ({state})", home))
        time.sleep(POLL_S)


def probe(connection: Connection, timeout_s: float = 10.0) -> str:
    """`ready`, or why not, in words."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            return _probe_health(session, connection, timeout_s)
    except requests.RequestException as error:
        return type(error).__name__


def _probe_health(session: requests.Session, connection: Connection, timeout_s: float) -> str:
    if connection.username is not None:
        session.auth = (connection.username, connection.password or "")
        session.verify = connection.ca_certs or True
    response = session.get(f"{connection.url}/_cluster/health", timeout=timeout_s)
    if response.status_code != requests.codes.ok:
        return f"HTTP {response.status_code}"
    health = response.json()
    return "ready" if health["status"] in ("green", "yellow") else f"cluster is {health['status']}"


def last_lines(path: Path, count: int = LAST_LINES) -> str:
    """The end of a log without the frames of stack traces, which would push out the message that they belong to."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return "\n".join([line for line in lines if not line.startswith(STACK_FRAMES)][-count:])


def _ended(home: Home) -> ServerStartError | PortTakenError:
    message = last_words("ended during start", home)
    if "BindHttpException" in message or "BindTransportException" in message:
        return PortTakenError(f"A port of the server is in use by another process. {message}")
    return ServerStartError(message)


def last_words(what: str, home: Home) -> str:
    """What happened to the server of that home, with the end of its logs."""
    logs = "\n".join(filter(None, (last_lines(home.logs / "server.log"), last_lines(home.console_log))))
    return f"The server in {home.folder} {what}. Last log lines:\n{logs}\n{DOCKER_HINT}"
