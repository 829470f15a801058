"""How a request proves who sends it, where a login is not enough: a token, or a signature of Amazon's kind.

Each is asked for every request, so that what expires while a run goes on is renewed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from sparse_index.errors import AccessError

AwsService = Literal["es", "aoss"]  # a domain of Amazon OpenSearch Service, a collection of its serverless kind


class Authorize(Protocol):
    """The headers to add to a request. `url`: the whole one. AccessError when there is nothing to prove it with."""

    def __call__(
        self, method: str, url: str, body: Any, headers: Mapping[str, str] | None = None
    ) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class BearerToken:
    """One that stays as it is."""

    token: str = field(repr=False)

    def __call__(self, method: str, url: str, body: Any, headers: Mapping[str, str] | None = None) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class TokenFile:
    """One that somebody renews in a file, as Kubernetes does for its service accounts."""

    path: Path

    def __call__(self, method: str, url: str, body: Any, headers: Mapping[str, str] | None = None) -> Mapping[str, str]:
        try:
            token = self.path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise AccessError(
                f"The token file {self.path} cannot be read: {error}. Correct the connection's extra `token_file`."
            ) from error
        if not token:
            raise AccessError(f"The token file {self.path} is empty. See what writes it.")
        return {"authorization": f"Bearer {token}"}


@dataclass(frozen=True)
class AwsSignature:
    """Signature version 4, as opensearch-py makes it. `credentials`: of botocore, which renews them by itself."""

    credentials: Any = field(repr=False)
    region: str
    service: AwsService

    def __call__(self, method: str, url: str, body: Any, headers: Mapping[str, str] | None = None) -> Mapping[str, str]:
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - of an optional package
        from opensearchpy.helpers.signer import AWSV4Signer  # noqa: PLC0415 - as this

        try:
            signer: Any = AWSV4Signer(self.credentials, self.region, self.service)
            signed: Mapping[str, str] = signer.sign(method, url, body)
        except BotoCoreError as error:
            raise AccessError(
                f"AWS gives no credentials to sign with: {error}. Check the AWS connection that `aws_conn_id` names."
            ) from error
        return signed
