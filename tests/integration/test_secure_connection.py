"""Who we are and whom we trust, against TLS and passwords that are real."""

from __future__ import annotations

from typing import Any

import pytest
from opensearchpy import OpenSearch

from local_cluster import LocalCluster
from secure_accounts import login
from sparse_index.cluster import Cluster
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
