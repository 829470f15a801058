"""An S3 on the loopback address, which can be told to misbehave."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
import s3fs
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "corpora"
ACCOUNT = {"AWS_ACCESS_KEY_ID": "store", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
STATUS = {503: "503 Slow Down", 400: "400 Bad Request", 403: "403 Forbidden"}

GONE = "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>9</Size></Contents>"

Environ = dict[str, Any]
Fault = tuple[int, str]  # status and S3's own code
SLOW_DOWN: Fault = (503, "SlowDown")
EXPIRED: Fault = (400, "ExpiredToken")
DENIED: Fault = (403, "AccessDenied")
WRONG_KEY: Fault = (403, "InvalidAccessKeyId")
WRONG_SECRET: Fault = (403, "SignatureDoesNotMatch")


@dataclass
class S3:
    """`refuse(request)`: what a request gets in place of its answer. `unlisted`: keys that no listing shows yet; `still_listed`:
    those that each shows although they are gone. `seen`: "<method> <path>?<query>" of every request."""

    url: str = ""
    refuse: Callable[[str], Fault | None] = lambda request: None
    unlisted: set[str] = field(default_factory=set)
    still_listed: set[str] = field(default_factory=set)
    seen: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    app: Any = field(default_factory=lambda: DomainDispatcherApplication(create_backend_app))

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        self.seen.append(request)
        self.keys.append(environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition("/")[0])
        fault = self.refuse(request)
        if fault is not None:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            return refusal(*fault, environ["REQUEST_METHOD"] == "HEAD", start_response)
        if (self.unlisted or self.still_listed) and "list-type=2" in request:
            return self.listed(environ, start_response)
        answer: Iterable[bytes] = self.app(environ, start_response)
        return answer

    def listed(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """A listing of some time ago."""
        started: list[Any] = []
        body = b"".join(self.app(environ, lambda *given: started.extend(given))).decode()
        for key in self.unlisted:
            body = re.sub(rf"<Contents>\s*<Key>{re.escape(key)}</Key>.*?</Contents>", "", body, flags=re.DOTALL)
        prefix = parse_qs(environ["QUERY_STRING"]).get("prefix", [""])[0]
        gone = "".join(GONE.format(key) for key in sorted(self.still_listed) if key.startswith(prefix))
        data = body.replace("</ListBucketResult>", f"{gone}</ListBucketResult>").encode()
        headers = [(name, str(len(data)) if name.lower() == "content-length" else value) for name, value in started[1]]
        start_response(started[0], headers)
        return [data]


def refusal(status: int, code: str, only_head: bool, start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = b"" if only_head else f"<Error><Code>{code}</Code><Message>{code}, as told</Message></Error>".encode()
    start_response(STATUS[status], [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]


class Quiet(WSGIRequestHandler):
    """A build asks thousands of times."""

    def log_request(self, *_: object) -> None:
        """No line for each."""


@contextmanager
def s3_server() -> Iterator[S3]:
    """With one empty bucket, until the block ends."""
    s3 = S3()
    server = make_server("127.0.0.1", 0, s3, threaded=True, request_handler=Quiet)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    s3.url = f"http://127.0.0.1:{server.server_port}"
    try:
        client_of(s3).create_bucket(Bucket=BUCKET)
        yield s3
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def client_of(s3: S3) -> Any:
    key, secret, region = ACCOUNT.values()
    return boto3.client(
        "s3", endpoint_url=s3.url, aws_access_key_id=key, aws_secret_access_key=secret, region_name=region
    )


@pytest.fixture(scope="session")
def running_s3() -> Iterator[S3]:
    with s3_server() as s3:
        yield s3


@pytest.fixture
def s3(running_s3: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """What the environment of a worker says of the store: address and account. It behaves."""
    for name, value in (ACCOUNT | {"AWS_ENDPOINT_URL": running_s3.url}).items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()  # a former test's may have no account
    running_s3.refuse = lambda request: None
    running_s3.unlisted.clear()
    running_s3.still_listed.clear()
    running_s3.seen.clear()
    running_s3.keys.clear()
    return running_s3
