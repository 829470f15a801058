"""Who we are and whom we trust, against TLS and passwords that are real."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import orjson
import pytest
from opensearchpy import OpenSearch

from local_cluster import LocalCluster
from secure_accounts import API, login
from sparse_index.cluster.client import AsyncCluster, Cluster
from sparse_index.errors import AccessError, UnavailableError

pytestmark = [pytest.mark.integration, pytest.mark.secure]


def connect(server: LocalCluster, waits: list[float], *, password: str | None = None, **changes: Any) -> Cluster:
    settings = login(server, server.username, password or server.password, **changes)
    return Cluster(OpenSearch(**settings.client_arguments()), sleep=waits.append)


def test_the_right_password_and_authority_get_in(secure_server: LocalCluster) -> None:
    assert connect(secure_server, []).get("/")["version"]["number"] == "2.19.1"


def test_a_wrong_password_is_said_once_and_not_repeated_in_the_message(secure_server: LocalCluster) -> None:
    waits: list[float] = []
    with pytest.raises(AccessError, match=r"login or password refused \(401\)") as caught:
        connect(secure_server, waits, password="not-the-password").get("/")
    assert waits == []
    assert "not-the-password" not in repr(caught.value) + repr(caught.value.__cause__)


def test_an_unknown_certificate_is_not_trusted(secure_server: LocalCluster) -> None:
    waits: list[float] = []
    with pytest.raises(AccessError, match=r"certificate of the cluster is not trusted.*extra `ca_certs`"):
        connect(secure_server, waits, ca_certs=None).get("/")
    assert waits == []


def test_verification_ends_only_when_the_connection_says_so(secure_server: LocalCluster) -> None:
    cluster = connect(secure_server, [], ca_certs=None, verify_certs=False)
    assert cluster.get("/")["version"]["number"] == "2.19.1"


def test_plain_http_to_a_tls_port_is_no_answer(secure_server: LocalCluster) -> None:
    with pytest.raises(UnavailableError, match="no answer from the cluster"):
        connect(secure_server, [], use_ssl=False).get("/")


def test_a_name_and_a_password_of_any_letters_get_in(secure_server: LocalCluster, secure_cluster: Cluster) -> None:
    user, password = f"müller-{uuid4().hex[:6]}", "Straße-5€-пароль a:b%40"
    account = {"password": password, "backend_roles": ["admin"]}
    secure_cluster.request(
        "PATCH", f"{API}/internalusers", orjson.dumps([{"op": "add", "path": f"/{user}", "value": account}])
    )
    settings = login(secure_server, user, password)
    assert whoami(Cluster.connect(settings, attempts=1).get("/_plugins/_security/authinfo")) == user

    async def asked() -> str:
        cluster = AsyncCluster(settings)
        try:
            return whoami(await cluster.find("/_plugins/_security/authinfo"))
        finally:
            await cluster.close()

    assert asyncio.run(asked()) == user


def whoami(answer: dict[str, Any] | None) -> str:
    assert answer is not None
    return str(answer["user_name"])
