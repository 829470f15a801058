"""Requests that a token or a signature authorizes: on a real connection, by both clients, and renewed while a run goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local_cluster.certificates import make_certificates
from misbehaving_servers import Quiet, serving
from package_server import package_server
from sparse_index.cluster.authorization import Authorize, AwsSignature, BearerToken, TokenFile
from sparse_index.cluster.client import AsyncCluster, Cluster, ConnectionSettings
from sparse_index.errors import AccessError, UnavailableError


@dataclass
class Listener:
    """Answers everything, and keeps what authorized each request."""

    port: int = 0
    heard: list[str | None] = field(default_factory=list)

    def settings(self, authorize: Authorize) -> ConnectionSettings:
        return ConnectionSettings("127.0.0.1", self.port, use_ssl=False, authorize=authorize)


@pytest.fixture
def listener() -> Iterator[Listener]:
    listens = Listener()

    class Handler(Quiet):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            listens.heard.append(self.headers.get("authorization"))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_POST

    with serving(Handler) as port:
        listens.port = port
        yield listens


async def found_in_triggerer(settings: ConnectionSettings) -> None:
    cluster = AsyncCluster(settings)
    try:
        await cluster.find("/_cluster/health?level=indices")
    finally:
        await cluster.close()


def test_a_token_authorizes_both_clients(listener: Listener) -> None:
    settings = listener.settings(BearerToken("t0"))
    cluster = Cluster.connect(settings)
    cluster.post("/tickets/_search", {"size": 0})
    cluster.close()
    asyncio.run(found_in_triggerer(settings))
    assert listener.heard == ["Bearer t0", "Bearer t0"]
    assert "t0" not in repr(settings)


def test_a_token_that_is_renewed_in_its_file_is_used_from_then_on(listener: Listener, tmp_path: Path) -> None:
    settings = listener.settings(TokenFile(tmp_path / "token"))
    cluster = Cluster.connect(settings)
    for token in ("first", "second\n"):
        (tmp_path / "token").write_text(token)
        cluster.get("/")
    cluster.close()
    asyncio.run(found_in_triggerer(settings))
    assert listener.heard == ["Bearer first", "Bearer second", "Bearer second"]


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_a_token_file_that_gives_none_is_named_and_not_tried_again(
    listener: Listener, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    settings = listener.settings(TokenFile(tmp_path / "token"))
    cluster = Cluster.connect(settings)
    with pytest.raises(AccessError, match=f"The token file {tmp_path}/token"):
        cluster.get("/")
    cluster.close()
    with pytest.raises(AccessError, match="The token file"):
        asyncio.run(found_in_triggerer(settings))
    assert listener.heard == []


class Renewed:
    """Credentials that are other ones each time, as a role's are after an hour."""

    def __init__(self) -> None:
        self.asked = 0

    def get_frozen_credentials(self) -> SimpleNamespace:
        self.asked += 1
        return SimpleNamespace(access_key=f"AK{self.asked}", secret_key="hush", token=f"session{self.asked}")


def test_each_request_is_signed_with_the_credentials_of_its_time(listener: Listener) -> None:
    pytest.importorskip("botocore", reason="the extra `aws` is not installed")
    settings = listener.settings(AwsSignature(Renewed(), "eu-west-1", "es"))
    cluster = Cluster.connect(settings)
    cluster.post("/tickets/_search", {"size": 0}, request_cache="true")
    cluster.get("/")
    cluster.close()
    asyncio.run(found_in_triggerer(settings))
    assert len(listener.heard) == 3
    for number, header in enumerate(listener.heard, 1):
        assert str(header).startswith(f"AWS4-HMAC-SHA256 Credential=AK{number}/")
        assert "/eu-west-1/es/aws4_request" in str(header)
        assert "hush" not in str(header)


@dataclass
class Refusing:
    """Credentials whose source fails."""

    error: Exception

    def get_frozen_credentials(self) -> None:
        raise self.error


def signed_with(error: Exception, listener: Listener) -> None:
    settings = listener.settings(AwsSignature(Refusing(error), "eu-west-1", "es"))
    cluster = Cluster.connect(settings, attempts=1)
    try:
        cluster.get("/")
    finally:
        cluster.close()
        assert listener.heard == []


def answer_of_aws(code: str, status: int) -> Any:
    from botocore.exceptions import ClientError

    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "AssumeRole")


def test_a_service_of_aws_that_is_not_trusted_is_no_outage(listener: Listener, tmp_path: Path) -> None:
    boto3 = pytest.importorskip("boto3", reason="the extra `aws` is not installed")
    make_certificates(tmp_path)
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "eu-west-1"}
    with package_server(tmp_path) as server:
        sts = boto3.client("sts", endpoint_url=server.url, **keys)
        with pytest.raises(Exception, match="SSL validation failed") as seen:
            sts.get_caller_identity()
    with pytest.raises(AccessError, match=r"the certificate of its service is not trusted.*AWS_CA_BUNDLE"):
        signed_with(seen.value, listener)


def test_credentials_that_aws_refuses_are_an_error_of_access(listener: Listener) -> None:
    of_aws = pytest.importorskip("botocore.exceptions", reason="the extra `aws` is not installed")
    for error in (of_aws.NoCredentialsError(), of_aws.NoRegionError(), answer_of_aws("AccessDenied", 403)):
        with pytest.raises(AccessError, match="Check the AWS connection that `aws_conn_id` names"):
            signed_with(error, listener)


def test_credentials_that_aws_cannot_give_for_now_are_an_outage(listener: Listener) -> None:
    of_aws = pytest.importorskip("botocore.exceptions", reason="the extra `aws` is not installed")
    for error in (
        of_aws.EndpointConnectionError(endpoint_url="https://sts"),
        of_aws.ConnectTimeoutError(endpoint_url="https://sts"),
        of_aws.ReadTimeoutError(endpoint_url="https://sts"),
        of_aws.ConnectionClosedError(endpoint_url="https://sts"),
        of_aws.MetadataRetrievalError(error_msg="said"),
        of_aws.CredentialRetrievalError(provider="iam-role", error_msg="said"),
        answer_of_aws("InternalFailure", 500),
        answer_of_aws("Throttling", 400),
    ):
        with pytest.raises(UnavailableError, match="no credentials to sign with for now"):
            signed_with(error, listener)
