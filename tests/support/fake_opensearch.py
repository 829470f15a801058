"""A stand-in for the client's transport, so that the real `Cluster` and its error translation are under test."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from opensearchpy import exceptions as client_errors

from sparse_index.cluster.client import Cluster

Handler = Callable[[str, str, Any], Any]


def fake_cluster(handler: Handler, *, attempts: int = 1) -> Cluster:
    """A `Cluster` whose answers come from `handler(method, path, body)`; it raises what the client would raise.

    As in a server, several requests may be in the handler at once.
    """

    def perform_request(method: str, path: str, params: Any = None, body: Any = None) -> Any:
        return handler(method, path, body)

    client = SimpleNamespace(transport=SimpleNamespace(perform_request=perform_request))
    return Cluster(client, attempts=attempts, sleep=lambda _: None)  # type: ignore[arg-type]


def http_error(status: int, kind: str, reason: str = "") -> client_errors.TransportError:
    body = {"error": {"root_cause": [{"type": kind, "reason": reason}], "type": kind, "reason": reason}}
    return client_errors.TransportError(status, kind, body)


def no_route() -> client_errors.NotFoundError:
    """What a proxy answers that has just lost its way to the cluster."""
    return client_errors.NotFoundError(404, "404 page not found\n", None)


def timed_out() -> client_errors.ConnectionTimeout:
    return client_errors.ConnectionTimeout("TIMEOUT", "read timed out", TimeoutError("read timed out"))


def unreachable() -> client_errors.ConnectionError:
    return client_errors.ConnectionError("N/A", "connection refused", OSError("connection refused"))
