"""Make a certificate authority, a certificate for each OpenSearch node and one for the administrator.

    python certificates.py FOLDER NODE [NODE ...]

    FOLDER/ca/ca.pem                              for every client
    FOLDER/nodes/{ca.pem,<node>.pem,<node>.key}   for the nodes
    FOLDER/admin/{ca.pem,admin.pem,admin.key}     for the service that makes the users

The authority's own key is never written: nobody can sign a further certificate with it. To renew, remove the folders
(`docker compose down`, then remove the three certificate volumes) and start again. What exists already is left alone.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS = 730
KEY_BITS = 3072
ORGANISATION = "sparse-index"


@dataclass(frozen=True)
class Authority:
    """A certificate authority that lives as long as this process."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def distinguished_name(name: str, unit: str) -> x509.Name:
    """Most general part first; OpenSearch prints it the other way round: CN=...,OU=...,O=..."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_encipherment=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def new_authority() -> Authority:
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    name = distinguished_name("certificate authority", "authorities")
    builder = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
    return Authority(key, builder.sign(key, hashes.SHA256()))


def issue(authority: Authority, subject: x509.Name, host_names: list[str]) -> tuple[bytes, bytes]:
    """Certificate and key (PKCS 8) as PEM; good for servers and clients, since nodes are both to each other."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = (
        _builder(subject, authority.certificate.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(usages, critical=False)
        .add_extension(issuer_key, critical=False)
    )
    if host_names:
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in host_names]
        names.append(x509.IPAddress(ip_address("127.0.0.1")))
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return certificate, key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_all(folder: Path, nodes: list[str]) -> None:
    """The files of the module's docstring; `ca/ca.pem` comes last and says that all others are there."""
    authority = new_authority()
    _write(folder / "nodes" / "ca.pem", authority.pem)
    _write(folder / "admin" / "ca.pem", authority.pem)
    for node in nodes:
        certificate = issue(authority, distinguished_name(node, "nodes"), [node, "localhost"])
        _write_pair(folder / "nodes", node, certificate)
    _write_pair(folder / "admin", "admin", issue(authority, distinguished_name("administrator", "administrators"), []))
    _write(folder / "ca" / "ca.pem", authority.pem)


def _write_pair(folder: Path, name: str, pair: tuple[bytes, bytes]) -> None:
    certificate, key = pair
    _write(folder / f"{name}.pem", certificate)
    _write(folder / f"{name}.key", key, mode=0o600)


def _write(path: Path, content: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_bytes(content)


def missing_keys(folder: Path, nodes: list[str]) -> list[str]:
    keys = [*(folder / "nodes" / f"{node}.key" for node in nodes), folder / "admin" / "admin.key"]
    return [f"{key.parent.name}/{key.name}" for key in keys if not key.exists()]


def main(arguments: list[str]) -> int:
    folder, nodes = Path(arguments[0]), arguments[1:]
    authority = folder / "ca" / "ca.pem"
    if not authority.exists():
        write_all(folder, nodes)
        sys.stdout.write(f"Made certificates for {', '.join(nodes)}, valid for {VALID_DAYS} days.\n")
        return 0
    until = x509.load_pem_x509_certificate(authority.read_bytes()).not_valid_after_utc
    missing = missing_keys(folder, nodes)
    if missing or until < datetime.now(UTC):
        sys.stderr.write(
            f"The certificates in {folder} are valid until {until:%Y-%m-%d} and lack {', '.join(missing) or 'nothing'}. "
            "Put your own there, or remove the certificate volumes to make all of them anew.\n"
        )
        return 1
    sys.stdout.write(f"The certificates in {folder} are there, valid until {until:%Y-%m-%d}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
