"""The one way to talk to OpenSearch: a client that retries what may be retried and speaks our errors."""

from __future__ import annotations

import logging
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import opensearchpy
from opensearchpy import AsyncHttpConnection, AsyncOpenSearch, OpenSearch
from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential,
    wait_random_exponential,
)

from sparse_index.cluster.authorization import Authorize, AwsService
from sparse_index.cluster.errors import translate
from sparse_index.errors import ConfigError, TerminalError, TransientError
from sparse_index.timing import Sleep

log = logging.getLogger(__name__)

Json = dict[str, Any]

# Pauses of 1, 2, 4, ... 30, 30 seconds, each less up to half of it: a server that restarts is back within that minute.
ATTEMPTS = 8
FIRST_WAIT_S = 1.0
MAX_WAIT_S = 30.0
# Time-outs take longer than pauses; no further attempt begins after so long.
LAST_ATTEMPT_AFTER_S = 600.0
POOL_SIZE = 32


@dataclass(frozen=True)
class ConnectionSettings:
    """Where the cluster is and how to prove who we are. TLS is on and verified unless said otherwise.

    `path_prefix`: what a proxy in front of it wants before every path, without slashes at its ends. `authorize`: in place of
    name and password. `aws_service`: which of Amazon's it is. `knn_natives`: every data node has the k-NN plugin's native
    libraries.
    """

    host: str
    port: int = 9200
    use_ssl: bool = True
    verify_certs: bool = True
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_certs: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    timeout_s: float = 60.0
    path_prefix: str = ""
    authorize: Authorize | None = field(default=None, repr=False)
    aws_service: AwsService | None = None
    knn_natives: bool = False

    def client_arguments(self) -> dict[str, Any]:
        """Keyword arguments for the sync and the async client alike; neither retries by itself."""
        arguments: dict[str, Any] = {
            "hosts": [self._host()],
            "use_ssl": self.use_ssl,
            "timeout": self.timeout_s,
            "max_retries": 0,
            "retry_on_timeout": False,
            "pool_maxsize": POOL_SIZE,
        }
        if self.authorize is not None:
            arguments["http_auth"] = self.authorize
        elif self.username is not None:
            arguments["headers"] = {"authorization": basic_authorization(self.username, self.password or "")}
        if self.use_ssl:
            arguments |= self._tls_arguments()
        return arguments

    def _host(self) -> dict[str, Any]:
        prefix = {"url_prefix": self.path_prefix} if self.path_prefix else {}
        return {"host": self.host, "port": self.port} | prefix

    def _tls_arguments(self) -> dict[str, Any]:
        optional = {"ca_certs": self.ca_certs, "client_cert": self.client_cert, "client_key": self.client_key}
        given = {name: value for name, value in optional.items() if value is not None}
        # Whoever switches verification off has said so in so many words; a warning for every request hides others.
        return {"verify_certs": self.verify_certs, "ssl_show_warn": False} | given


def basic_authorization(username: str, password: str) -> str:
    """The header of RFC 7617 in UTF-8. The client's own `http_auth` writes Latin-1, which OpenSearch does not read.

    ConfigError for a name with a colon: a server takes what follows it for the password.
    """
    if ":" in username:
        raise ConfigError(
            f"User name '{username}' cannot be used: what follows its colon would count as the password. Rename the user."
        )
    # A password that came from the environment may hold bytes that are no UTF-8; they are sent as they are.
    login = f"{username}:{password}".encode(errors="surrogateescape")
    return f"Basic {b64encode(login).decode()}"


@contextmanager
def _our_errors(method: str, path: str) -> Iterator[None]:
    try:
        yield
    except opensearchpy.exceptions.OpenSearchException as error:
        raise translate(error, f"{method} {path}") from error


def _require_gone(error: TerminalError) -> None:
    if error.status != 404:
        raise error


class Cluster:
    """OpenSearch as this package sees it.

    What may be asked again is asked again here and nowhere else, with jitter. `retry` says after which errors: every transient
    one (connection errors, time-outs, 408, 502-504, 524, 429) for calls that may be carried out twice; `OverloadedError` for
    those that may not: a cluster that answers 429 did nothing, after any other answer their callers look for what may have
    happened; None where the caller has its own way of waiting.
    `knn_natives`: whether somebody has said of the connection that its data nodes have those libraries: no request tells.
    """

    def __init__(
        self,
        client: OpenSearch,
        *,
        attempts: int = ATTEMPTS,
        sleep: Sleep = time.sleep,
        aws_service: AwsService | None = None,
        knn_natives: bool = False,
    ) -> None:
        self.aws_service = aws_service
        self._client = client
        self.knn_natives = knn_natives
        self._attempts = attempts
        self._sleep = sleep

    @classmethod
    def connect(cls, settings: ConnectionSettings, *, attempts: int = ATTEMPTS) -> Cluster:
        client = OpenSearch(**settings.client_arguments())
        aws, natives = settings.aws_service, settings.knn_natives
        return cls(client, attempts=attempts, aws_service=aws, knn_natives=natives)

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        retry: type[TransientError] | None = TransientError,
        timeout_s: float | None = None,
    ) -> Any:
        """The decoded answer; raises a `SparseIndexError` for every status outside 2xx."""
        arguments: dict[str, Any] = dict(params or {})
        if timeout_s is not None:
            arguments["request_timeout"] = timeout_s
        policy = Retrying(
            stop=stop_after_attempt(self._attempts) | stop_after_delay(LAST_ATTEMPT_AFTER_S),
            wait=wait_exponential(FIRST_WAIT_S / 2, MAX_WAIT_S / 2)
            + wait_random_exponential(FIRST_WAIT_S / 2, MAX_WAIT_S / 2),
            retry=retry_if_exception_type(retry or ()),
            before_sleep=before_sleep_log(log, logging.WARNING),
            sleep=self._sleep,
            reraise=True,
        )
        return policy(self._once, method, path, body, arguments)

    def _once(self, method: str, path: str, body: Any, arguments: dict[str, Any]) -> Any:
        with _our_errors(method, path):
            # The transport takes `request_timeout` out of the parameters, so each attempt needs its own copy.
            return self._client.transport.perform_request(method, path, params=dict(arguments), body=body)

    def get(self, path: str, body: Mapping[str, Any] | None = None, **params: Any) -> Any:
        return self.request("GET", path, body, params=params)

    def put(self, path: str, body: Mapping[str, Any] | None = None, **params: Any) -> Any:
        return self.request("PUT", path, body, params=params)

    def delete(self, path: str, **params: Any) -> Any:
        return self.request("DELETE", path, params=params)

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        retry: type[TransientError] | None = TransientError,
        **params: Any,
    ) -> Any:
        return self.request("POST", path, body, params=params, retry=retry)

    def find(self, path: str, query: Mapping[str, Any] | None = None, **params: Any) -> Any | None:
        """What a GET (of a `query`: a POST) answers; None when that is not there: 404. A shard that is being recovered
        answers 404, too, and so does a proxy without a cluster, but as errors that pass (cluster/errors.py)."""
        try:
            return self.request("GET" if query is None else "POST", path, query, params=params)
        except TerminalError as error:
            _require_gone(error)
            return None

    def remove(self, path: str, method: str = "DELETE") -> bool:
        """Whether it was there; gone already is success."""
        try:
            self.request(method, path)
        except TerminalError as error:
            _require_gone(error)
            return False
        return True

    def close(self) -> None:
        self._client.close()


class AsyncCluster:
    """The reading half of `Cluster` for the triggerer's event loop: never retried (the next poll is)."""

    def __init__(self, settings: ConnectionSettings) -> None:
        arguments = settings.client_arguments()
        if settings.authorize is not None:
            arguments["connection_class"] = AsyncHttpConnection  # the default one asks nobody for headers
        self._client = AsyncOpenSearch(**arguments)

    async def find(self, path: str) -> Any | None:
        """What a GET answers; None when that is not there."""
        try:
            with _our_errors("GET", path):
                return await self._client.transport.perform_request("GET", path)
        except TerminalError as error:
            _require_gone(error)
            return None

    async def close(self) -> None:
        await self._client.close()


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Settings by their full names: `{"index": {"codec": "default"}}` is `{"index.codec": "default"}`."""
    names: dict[str, str] = {}
    for key, value in nested.items():
        name = f"{prefix}{key}"
        names |= flat(value, f"{name}.") if isinstance(value, Mapping) else {name: str(value)}
    return names
