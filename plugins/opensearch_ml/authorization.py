"""How a connection says who we are: a login, a token, or an AWS connection that signs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparse_index.errors import ConfigError

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from sparse_index.cluster.authorization import AwsService

WAYS = ("basic", "bearer", "sigv4")
AWS_SERVICES: tuple[AwsService, ...] = ("es", "aoss")
# The extras that are read here.
EXTRAS = ("auth", "token_file", "aws_conn_id", "region", "service")


def authorization(connection: Connection, extras: Mapping[str, str]) -> dict[str, Any]:
    """Arguments for `ConnectionSettings`; raises `ConfigError` that names the extra to correct. Where AWS is asked at once, for a
    role, it raises what a request would."""
    way = extras.get("auth", "basic")
    if way == "basic":
        return {"username": connection.login or None, "password": connection.password or None}
    if way == "bearer":
        return {"authorize": _bearer(connection, extras)}
    if way == "sigv4":
        return _signed(connection, extras)
    raise _wrong(connection, "auth", way, WAYS)


def _bearer(connection: Connection, extras: Mapping[str, str]) -> Any:
    from sparse_index.cluster.authorization import BearerToken, TokenFile

    if "token_file" in extras:
        return TokenFile(Path(extras["token_file"]))
    if not connection.password:
        raise ConfigError(
            f"Connection '{connection.conn_id}': `auth` is bearer and there is no token. Put it into the password, or name "
            "the file in which it is renewed in the extra `token_file`."
        )
    return BearerToken(connection.password)


def _signed(connection: Connection, extras: Mapping[str, str]) -> dict[str, Any]:
    from sparse_index.cluster.authorization import AwsSignature, aws_errors

    given = extras.get("service", "es")
    service = next((known for known in AWS_SERVICES if known == given), None)
    if service is None:
        raise _wrong(connection, "service", given, AWS_SERVICES)
    try:
        from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
    except ImportError as error:
        raise ConfigError(
            f"Connection '{connection.conn_id}': `auth` is sigv4, for which the Amazon provider is needed, on every worker, "
            "triggerer and API server: pip install 'sparse-index-dags[aws]'."
        ) from error
    with aws_errors():
        aws = AwsBaseHook(aws_conn_id=extras.get("aws_conn_id"), region_name=extras.get("region"))
        if not aws.region_name:
            raise ConfigError(
                f"Connection '{connection.conn_id}': no region to sign for. Name it in the extra `region`, or in the AWS "
                "connection."
            )
        credentials = aws.get_session().get_credentials()
    return {"authorize": AwsSignature(credentials, aws.region_name, service), "aws_service": service}


def _wrong(connection: Connection, extra: str, value: str, known: tuple[str, ...]) -> ConfigError:
    return ConfigError(
        f"Connection '{connection.conn_id}': extra `{extra}` is '{value}', and may be {', '.join(known)}."
    )
