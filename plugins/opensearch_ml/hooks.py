"""An Airflow connection of the type `opensearch_ml`, or of the OpenSearch provider's `opensearch`, opened securely.

That provider's own `OpenSearchHook` looks the connection up in its constructor, does not verify certificates unless told
to and knows no client certificates, so this hook shares nothing with it but the fields of the connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import (
    AirflowNotFoundException,
    AirflowRuntimeError,
    AirflowSecretsBackendAccessDenied,
)

from opensearch_ml.authorization import EXTRAS as AUTHORIZATION_EXTRAS
from opensearch_ml.authorization import authorization
from opensearch_ml.client_log import keep_requests_out
from sparse_index.errors import ConfigError, SparseIndexError, UnavailableError

if TYPE_CHECKING:
    from sparse_index.cluster.client import AsyncCluster, Cluster, ConnectionSettings

log = logging.getLogger(__name__)

DEFAULT_PORT, AWS_PORT = 9200, 443
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _flag(value: Any) -> bool:
    return _TRUTH[str(value).strip().lower()]


# The whole list of extras that are read. Never `**extra`: an extra must not become any argument of the client.
_EXTRAS: dict[str, Callable[[Any], Any]] = {
    "use_ssl": _flag,
    "verify_certs": _flag,
    "ca_certs": str,
    "client_cert": str,
    "client_key": str,
    "timeout_s": float,
    "knn_natives": _flag,
    **dict.fromkeys(AUTHORIZATION_EXTRAS, str),
}


def connection_settings(connection: Connection) -> ConnectionSettings:
    """What `connection` says, with TLS on and verified unless it says otherwise; raises `ConfigError`."""
    from sparse_index.cluster.client import ConnectionSettings

    host = connection.host or ""
    if not host or "/" in host:
        raise ConfigError(
            f"Connection '{connection.conn_id}': the host is '{host}'. Give the bare host name, "
            "without scheme or path; TLS is switched by the extra `use_ssl`."
        )
    extras = _extras(connection)
    who = {name: extras.pop(name) for name in AUTHORIZATION_EXTRAS if name in extras}
    port = connection.port or (AWS_PORT if who.get("auth") == "sigv4" else DEFAULT_PORT)
    return ConnectionSettings(host=host, port=port, **authorization(connection, who), **extras)


def _extras(connection: Connection) -> dict[str, Any]:
    given = {name: value for name, value in connection.extra_dejson.items() if value not in (None, "")}
    unknown = sorted(given.keys() - _EXTRAS.keys())
    if unknown:
        log.warning("Connection '%s': extras %s are not read; known are %s.", connection.conn_id, unknown, [*_EXTRAS])
    return {name: _extra(connection, name, value) for name, value in given.items() if name in _EXTRAS}


def _extra(connection: Connection, name: str, value: Any) -> Any:
    try:
        return _EXTRAS[name](value)
    except (KeyError, ValueError) as error:
        kind = "a number of seconds" if name == "timeout_s" else "true or false"
        raise ConfigError(f"Connection '{connection.conn_id}': extra `{name}` must be {kind}.") from error


@contextmanager
def _airflow_errors(conn_id: str) -> Iterator[None]:
    """Airflow passes over a secrets backend that does not answer, so what it does not find may be there later."""
    try:
        yield
    except (AirflowNotFoundException, AirflowRuntimeError, AirflowSecretsBackendAccessDenied) as error:
        raise UnavailableError(
            f"Airflow gives no connection '{conn_id}' here ({error}). Make it one of Airflow's connections, or give this process "
            "the environment and the secrets backend that the others have."
        ) from error


class OpenSearchMLHook(BaseHook):
    """One OpenSearch with ML Commons. Nothing is looked up before it is asked for; what cannot be opened is an error of ours."""

    conn_name_attr = "opensearch_conn_id"
    default_conn_name = "opensearch_default"
    conn_type = "opensearch_ml"
    hook_name = "OpenSearch ML"

    def __init__(self, opensearch_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.opensearch_conn_id = opensearch_conn_id
        self._cluster: Cluster | None = None

    @property
    def settings(self) -> ConnectionSettings:
        """Host, TLS and login as the Airflow connection gives them. `ConfigError` when it cannot be used, `UnavailableError` when
        there is none."""
        with _airflow_errors(self.opensearch_conn_id):
            return connection_settings(self.get_connection(self.opensearch_conn_id))

    def get_conn(self) -> Cluster:
        """What `cluster` is, under the name that Airflow's hooks have for it."""
        return self.cluster

    @property
    def cluster(self) -> Cluster:
        """Opened at the first use; `close` or a `with` block around the hook closes it."""
        from sparse_index.cluster.client import Cluster

        if self._cluster is None:
            keep_requests_out()
            self._cluster = Cluster.connect(self.settings)
        return self._cluster

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def async_cluster(self) -> AsyncCluster:
        """The reading half, for triggers; the caller closes it."""
        from sparse_index.cluster.client import AsyncCluster

        keep_requests_out()
        with _airflow_errors(self.opensearch_conn_id):
            connection = await self.aget_connection(self.opensearch_conn_id)
            # In a thread: what signs may have to look up a further connection.
            return AsyncCluster(await asyncio.to_thread(connection_settings, connection))

    def close(self) -> None:
        """Close the connection; the next use opens a new one."""
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None

    def test_connection(self) -> tuple[bool, str]:
        """Whether the cluster answers, and what it is or why not."""
        try:
            with self:
                answer = self.cluster.request("GET", "/", retry=None)  # a person waits for it
        except SparseIndexError as error:
            return False, str(error)
        version = answer.get("version") if isinstance(answer, dict) else None
        if not isinstance(version, dict) or version.get("distribution") != "opensearch":
            return False, f"What answers at {self.settings.host} is no OpenSearch. Correct host and port."
        return True, f"Cluster '{answer['cluster_name']}', OpenSearch {version['number']}"
