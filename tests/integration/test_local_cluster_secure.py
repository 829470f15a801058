"""The server with security: who may in, and what is encrypted."""

from __future__ import annotations

import stat

import pytest
import requests

from local_cluster import LocalCluster, start

pytestmark = [pytest.mark.integration, pytest.mark.secure]


def session(server: LocalCluster, user: str, password: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # the environment's bundle of authorities would replace the session's
    session.auth = (user, password)
    session.verify = str(server.ca_certs)
    return session


@pytest.fixture
def admin(secure_server: LocalCluster) -> requests.Session:
    return session(secure_server, str(secure_server.username), str(secure_server.password))


def test_it_is_a_complete_server(secure_server: LocalCluster, admin: requests.Session) -> None:
    plugins = admin.get(f"{secure_server.url}/_cat/plugins?format=json", timeout=30).json()
    names = {plugin["component"] for plugin in plugins}
    assert {"opensearch-ml", "opensearch-knn", "opensearch-neural-search", "opensearch-security"} <= names
    assert {plugin["version"] for plugin in plugins} == {"2.19.1.0"}


def test_its_certificate_is_trusted_by_its_own_authority_only(secure_server: LocalCluster) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(secure_server.url, timeout=30)


def test_it_speaks_no_plain_http(secure_server: LocalCluster) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get(secure_server.url.replace("https", "http"), timeout=30)


@pytest.mark.parametrize("login", [None, ("admin", "admin"), ("admin", "wrong")], ids=["none", "demo", "wrong"])
def test_without_the_right_password_nobody_gets_in(secure_server: LocalCluster, login: tuple[str, str] | None) -> None:
    answer = requests.get(secure_server.url, auth=login, verify=str(secure_server.ca_certs), timeout=30)
    assert answer.status_code == requests.codes.unauthorized


def test_the_administrator_makes_users_that_may_do_only_their_part(
    secure_server: LocalCluster, admin: requests.Session
) -> None:
    api, password = f"{secure_server.url}/_plugins/_security/api", "a-Long-enough-Passw0rd"
    role = {"cluster_permissions": ["cluster:monitor/main"]}
    admin.put(f"{api}/roles/looker", json=role, timeout=30).raise_for_status()
    admin.put(f"{api}/internalusers/lookers", json={"password": password}, timeout=30).raise_for_status()
    admin.put(f"{api}/rolesmapping/looker", json={"users": ["lookers"]}, timeout=30).raise_for_status()
    user = session(secure_server, "lookers", password)
    assert user.get(secure_server.url, timeout=30).status_code == requests.codes.ok
    assert user.get(f"{secure_server.url}/_cat/indices", timeout=30).status_code == requests.codes.forbidden


def test_the_password_is_in_private_files_only(secure_server: LocalCluster) -> None:
    password = str(secure_server.password)
    holders = [path for path in secure_server.home.glob("*") if path.is_file() and password in path.read_text()]
    assert sorted(path.name for path in holders) == ["connection.json", "launch.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in holders} == {0o600}
    logs = "".join(path.read_text(errors="replace") for path in (secure_server.home / "logs").glob("*.log"))
    assert password not in logs


def test_starting_it_again_adopts_it_with_the_same_password(secure_server: LocalCluster) -> None:
    assert start(secure_server.home, "secure") == secure_server
