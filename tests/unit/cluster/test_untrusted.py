"""A certificate that is not trusted ends a run; a handshake that is cut short, by a node that restarts for example, passes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from opensearchpy import OpenSearch

from local_cluster.certificates import make_certificates
from misbehaving_servers import hanging_up
from package_server import package_server
from sparse_index.cluster.client import AsyncCluster, Cluster, ConnectionSettings
from sparse_index.errors import AccessError, UnavailableError


def ask(settings: ConnectionSettings) -> None:
    cluster = Cluster(OpenSearch(**settings.client_arguments()), attempts=3, sleep=lambda _: None)
    try:
        cluster.get("/")
    finally:
        cluster.close()


def ask_in_triggerer(settings: ConnectionSettings) -> None:
    async def once() -> None:
        cluster = AsyncCluster(settings)
        try:
            await cluster.find("/")
        finally:
            await cluster.close()

    asyncio.run(once())


@pytest.mark.parametrize(("asked", "attempts"), [(ask, 3), (ask_in_triggerer, 1)])
def test_a_handshake_that_is_cut_short_is_an_outage(asked: Callable[[ConnectionSettings], None], attempts: int) -> None:
    callers: list[bytes] = []
    with hanging_up(callers) as port, pytest.raises(UnavailableError, match="no answer from the cluster"):
        asked(ConnectionSettings("127.0.0.1", port))
    assert len(callers) == attempts


@pytest.mark.parametrize("asked", [ask, ask_in_triggerer])
def test_a_certificate_that_nobody_trusts_is_no_outage(
    asked: Callable[[ConnectionSettings], None], tmp_path: Path
) -> None:
    make_certificates(tmp_path)
    with (
        package_server(tmp_path) as server,
        pytest.raises(AccessError, match=r"certificate of the cluster is not trusted.*extra `ca_certs`"),
    ):
        asked(ConnectionSettings("127.0.0.1", urlsplit(server.url).port or 0))
