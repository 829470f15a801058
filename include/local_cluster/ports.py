"""Finds and checks ports on the loopback address."""

import random
import socket

from local_cluster.errors import DOCKER_HINT, PortTakenError

HOST = "127.0.0.1"
# Below the range from which systems take ports for outgoing connections, so that a port is still free at a restart.
CANDIDATES = range(20_000, 32_000)
TRIES = 100


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True


def require_free(port: int) -> int:
    if not is_free(port):
        raise PortTakenError(
            f"Port {port} on {HOST} is in use by another process. Stop that one, or choose another port: "
            f"--port 0 finds a free one. {DOCKER_HINT}"
        )
    return port


def find_free() -> int:
    """A free port. Another process could take it before the server does; the start then fails and says so."""
    for port in random.sample(CANDIDATES, TRIES):
        if is_free(port):
            return port
    raise PortTakenError(
        f"No free port was found in {TRIES} tries between {CANDIDATES[0]} and {CANDIDATES[-1]}. Name one with --port. "
        f"{DOCKER_HINT}"
    )
