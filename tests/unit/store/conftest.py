"""One S3 for the tests of the store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from s3_server import ACCOUNT, S3, s3_server


@pytest.fixture(scope="session")
def running_s3() -> Iterator[S3]:
    with s3_server() as s3:
        yield s3


@pytest.fixture
def s3(running_s3: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """What the environment of a worker says of the store: address and account. It behaves."""
    for name, value in (ACCOUNT | {"AWS_ENDPOINT_URL": running_s3.url}).items():
        monkeypatch.setenv(name, value)
    running_s3.refuse = lambda request: None
    running_s3.unlisted.clear()
    running_s3.seen.clear()
    return running_s3
