"""One S3 for the tests of the store."""

from __future__ import annotations

from s3_server import running_s3, s3  # noqa: F401 - fixtures
