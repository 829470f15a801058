"""An Airflow connection of the provider's type `opensearch`, opened securely.

The provider's own `OpenSearchHook` looks the connection up in its constructor, does not verify certificates unless told
to and knows no client certificates, so this hook shares its connection type and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from airflow.sdk import BaseHook, Connection

from sparse_index.errors import ConfigError, SparseIndexError

if TYPE_CHECKING:
    from sparse_index.cluster.client import AsyncCluster, Cluster, ConnectionSettings

log = logging.getLogger(__name__)

DEFAULT_PORT = 9200
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
    return ConnectionSettings(
        host=host,
        port=connection.port or DEFAULT_PORT,
        username=connection.login or None,
        password=connection.password or None,
        **_extras(connection),
    )


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


class OpenSearchMLHook(BaseHook):
    """One OpenSearch with ML Commons. Nothing is looked up or opened before it is asked for."""

    conn_name_attr = "opensearch_conn_id"
    default_conn_name = "opensearch_default"
    conn_type = "opensearch"
    hook_name = "OpenSearch ML"

    def __init__(self, opensearch_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.opensearch_conn_id = opensearch_conn_id
        self._cluster: Cluster | None = None

    @property
    def settings(self) -> ConnectionSettings:
        """Host, TLS and login as the Airflow connection gives them; raises `ConfigError`."""
        return connection_settings(self.get_connection(self.opensearch_conn_id))

    def get_conn(self) -> Cluster:
        """What `cluster` is, under the name that Airflow's hooks have for it."""
        return self.cluster

    @property
    def cluster(self) -> Cluster:
        """Opened at the first use; `close` or a `with` block around the hook closes it."""
        from sparse_index.cluster.client import Cluster

        if self._cluster is None:
            self._cluster = Cluster.connect(self.settings)
        return self._cluster

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def async_cluster(self) -> AsyncCluster:
        """The reading half, for triggers; the caller closes it."""
        from sparse_index.cluster.client import AsyncCluster

        connection = await self.aget_connection(self.opensearch_conn_id)
        return AsyncCluster(connection_settings(connection))

    def close(self) -> None:
        """Close the connection; the next use opens a new one."""
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None

    def test_connection(self) -> tuple[bool, str]:
        """Whether the cluster answers, and what it is or why not."""
        try:
            answer = self.cluster.request("GET", "/", retry=False)  # a person waits for it
        except SparseIndexError as error:
            return False, str(error)
        return True, f"Cluster '{answer['cluster_name']}', OpenSearch {answer['version']['number']}"
