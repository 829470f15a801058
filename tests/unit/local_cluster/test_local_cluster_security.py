"""Certificates, password and settings of a secure instance."""

from __future__ import annotations

import ipaddress
import re
import stat
from pathlib import Path

import bcrypt
import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from local_cluster.certificates import CA_FILE, NODE_FILE, NODE_KEY_FILE, make_certificates
from local_cluster.home import Home
from local_cluster.security import new_password, security_settings, write_security_files


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.mark.parametrize("name", [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
def test_clients_that_trust_the_authority_accept_the_node(tmp_path: Path, name: x509.DNSName | x509.IPAddress) -> None:
    make_certificates(tmp_path)
    verifier = PolicyBuilder().store(Store([certificate(tmp_path / CA_FILE)])).build_server_verifier(name)
    assert verifier.verify(certificate(tmp_path / NODE_FILE), [])


def test_the_authority_of_another_instance_is_not_trusted(tmp_path: Path) -> None:
    make_certificates(tmp_path / "one")
    make_certificates(tmp_path / "two")
    store = Store([certificate(tmp_path / "one" / CA_FILE)])
    verifier = PolicyBuilder().store(store).build_server_verifier(x509.DNSName("localhost"))
    with pytest.raises(VerificationError):
        verifier.verify(certificate(tmp_path / "two" / NODE_FILE), [])


def test_a_restart_keeps_the_certificates_that_clients_know(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    before = (tmp_path / NODE_FILE).read_bytes()
    make_certificates(tmp_path)
    assert (tmp_path / NODE_FILE).read_bytes() == before


def test_only_the_user_reads_the_key_and_the_authoritys_key_is_nowhere(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    assert stat.S_IMODE((tmp_path / NODE_KEY_FILE).stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [CA_FILE, NODE_KEY_FILE, NODE_FILE]


def test_the_administrator_is_the_only_user(tmp_path: Path) -> None:
    shipped = tmp_path / "tree" / "plugins" / "opensearch-security" / "config"
    shipped.mkdir(parents=True)
    (shipped / "internal_users.yml").write_text("kirk: {hash: demo}\n")
    (shipped / "roles.yml").write_text("roles\n")
    home = Home(tmp_path / "home")
    write_security_files(home, tmp_path / "tree", "pass phrase")
    written = home.config / "opensearch-security"
    users = (written / "internal_users.yml").read_text()
    found = re.search(r'hash: "(.*)"', users)
    assert found is not None
    assert bcrypt.checkpw(b"pass phrase", found.group(1).encode())
    assert "kirk" not in users
    assert (written / "roles.yml").read_text() == "roles\n"


def test_passwords_differ_and_are_long() -> None:
    assert len({new_password() for _ in range(100)}) == 100
    assert len(new_password()) >= 32


def test_tls_is_on_for_both_layers() -> None:
    settings = security_settings()
    assert settings["plugins.security.ssl.http.enabled"] == "true"
    assert settings["plugins.security.ssl.transport.pemkey_filepath"] == f"certificates/{NODE_KEY_FILE}"
