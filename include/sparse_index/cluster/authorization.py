"""How a request proves who sends it, where a login is not enough: a token, or a signature of Amazon's kind.

Each is asked for every request, so that what expires while a run goes on is renewed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from sparse_index.certificates import is_untrusted
from sparse_index.errors import AccessError, SparseIndexError, UnavailableError

AwsService = Literal["es", "aoss"]  # a domain of Amazon OpenSearch Service, a collection of its serverless kind


class Authorize(Protocol):
    """The headers to add to a request. `url`: the whole one. AccessError when there is nothing to prove it with, UnavailableError
    when there is none for now."""

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
        from opensearchpy.helpers.signer import AWSV4Signer  # noqa: PLC0415 - of an optional package

        with aws_errors():
            signer: Any = AWSV4Signer(self.credentials, self.region, self.service)
            signed: Mapping[str, str] = signer.sign(method, url, body)
        return signed


@contextmanager
def aws_errors() -> Iterator[None]:
    """What AWS says while credentials are asked for, as errors of ours: AccessError, or UnavailableError for now."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - of an optional package

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise _without_credentials(error) from error


def _without_credentials(error: Exception) -> SparseIndexError:
    """Where they come from is asked again each time they are renewed, and may then be away, as any service."""
    from botocore import exceptions as of_aws  # noqa: PLC0415 - of an optional package

    away = (
        *(of_aws.ConnectionError, of_aws.HTTPClientError),
        # They hide the network's errors of what gives an instance or a container its credentials.
        *(of_aws.CredentialRetrievalError, of_aws.MetadataRetrievalError),
    )
    if is_untrusted(error):
        return AccessError(
            f"AWS gives no credentials to sign with: the certificate of its service is not trusted ({error}). Let this machine "
            "trust who signed it (AWS_CA_BUNDLE)."
        )
    if isinstance(error, away) or (isinstance(error, of_aws.ClientError) and _is_passing(error.response)):
        return UnavailableError(f"AWS gives no credentials to sign with for now: {error}.")
    return AccessError(
        f"AWS gives no credentials to sign with: {error}. Check the AWS connection that `aws_conn_id` names."
    )


def _is_passing(answer: Mapping[str, Any]) -> bool:
    """Whether a service of AWS is at fault, or has been asked too often: that is answered with 400."""
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or "Throttl" in answer.get("Error", {}).get("Code", "")
