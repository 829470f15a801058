"""What an Airflow connection becomes: TLS on and verified unless it says otherwise, extras read key by key."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, Connection

from misbehaving_servers import Quiet, serving
from opensearch_ml import hooks
from opensearch_ml.hooks import OpenSearchMLHook, connection_settings
from opensearch_ml.operators.household import HouseholdOperator
from opensearch_ml.provider import provider_info
from sparse_index.cluster.authorization import AwsSignature, BearerToken, TokenFile
from sparse_index.cluster.client import basic_authorization
from sparse_index.errors import AccessError, ConfigError, SparseIndexError, UnavailableError


def connection(extra: dict[str, Any] | None = None, **fields: Any) -> Connection:
    given = {"host": "search.example", "login": "build", "password": "s3cret"} | fields
    return Connection(conn_id="search", conn_type="opensearch", extra=json.dumps(extra or {}), **given)


def test_a_bare_connection_is_encrypted_and_verified() -> None:
    settings = connection_settings(connection())
    assert (settings.use_ssl, settings.verify_certs, settings.port) == (True, True, 9200)
    assert settings.client_arguments()["headers"] == {"authorization": basic_authorization("build", "s3cret")}
    assert settings.client_arguments()["verify_certs"] is True


@pytest.mark.parametrize(
    ("value", "meaning"), [("false", False), (False, False), ("0", False), ("True", True), (1, True)]
)
def test_flags_are_understood_as_json_and_as_text(value: object, meaning: bool) -> None:
    assert connection_settings(connection({"use_ssl": value})).use_ssl is meaning


def test_a_connection_may_say_that_its_nodes_have_the_native_libraries() -> None:
    assert connection_settings(connection({"knn_natives": "true"})).knn_natives is True
    assert connection_settings(connection()).knn_natives is False


@pytest.mark.parametrize("extra", [{"verify_certs": "maybe"}, {"use_ssl": []}, {"timeout_s": "soon"}])
def test_an_extra_that_is_no_answer_is_refused_by_name(extra: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(extra))):
        connection_settings(connection(extra))


def test_every_known_extra_arrives() -> None:
    extra = {"ca_certs": "/ca.pem", "client_cert": "/c.pem", "client_key": "/k.pem", "timeout_s": 5}
    arguments = connection_settings(connection(extra, port=443)).client_arguments()
    assert arguments["hosts"] == [{"host": "search.example", "port": 443}]
    assert {name: arguments[name] for name in ("ca_certs", "client_cert", "client_key", "timeout")} == {
        "ca_certs": "/ca.pem",
        "client_cert": "/c.pem",
        "client_key": "/k.pem",
        "timeout": 5.0,
    }


def test_no_other_extra_reaches_the_client() -> None:
    extra = {"hosts": [{"host": "evil.example"}], "connection_class": "os.system", "http_auth": ["a", "b"]}
    assert connection_settings(connection(extra)) == connection_settings(connection())


@pytest.mark.parametrize("host", [None, "", "https://search.example", "search.example/path"])
def test_a_host_that_is_no_host_name_is_refused(host: str | None) -> None:
    with pytest.raises(ConfigError, match="bare host name"):
        connection_settings(connection(host=host))


def test_the_password_is_in_no_text_of_the_settings() -> None:
    assert "s3cret" not in repr(connection_settings(connection()))


def test_nothing_is_looked_up_before_it_is_asked_for() -> None:
    assert OpenSearchMLHook("there_is_no_such_connection").opensearch_conn_id == "there_is_no_such_connection"


def test_a_connection_that_airflow_does_not_give_is_said_in_words() -> None:
    hook = OpenSearchMLHook("there_is_no_such_connection")
    with pytest.raises(UnavailableError, match="Airflow gives no connection 'there_is_no_such_connection' here"):
        _ = hook.cluster
    with pytest.raises(UnavailableError, match="Airflow gives no connection 'there_is_no_such_connection' here"):
        asyncio.run(hook.async_cluster())
    assert hook.test_connection()[0] is False


def test_a_refused_connection_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_NOBODY", json.dumps({"conn_type": "opensearch", "host": "127.0.0.1", "port": 9}))
    monkeypatch.setattr("time.sleep", pytest.fail)
    hook = OpenSearchMLHook("nobody")
    works, message = hook.test_connection()
    hook.close()
    assert works is False
    assert "Check host, port" in message


@pytest.mark.parametrize(
    ("answer", "works", "words"),
    [
        (
            {"cluster_name": "news", "version": {"distribution": "opensearch", "number": "3.6.0"}},
            True,
            "Cluster 'news', OpenSearch 3.6.0",
        ),
        ({"cluster_name": "old", "version": {"number": "7.17.0"}}, False, "What answers at 127.0.0.1 is no OpenSearch"),
        ({"hello": "world"}, False, "is no OpenSearch. Correct host and port."),
        (["hello"], False, "is no OpenSearch"),
    ],
)
def test_the_button_says_what_answers(monkeypatch: pytest.MonkeyPatch, answer: object, works: bool, words: str) -> None:
    class Handler(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

    with serving(Handler) as port:
        there = {"conn_type": "opensearch_ml", "host": "127.0.0.1", "port": port, "extra": {"use_ssl": False}}
        monkeypatch.setenv("AIRFLOW_CONN_THERE", json.dumps(there))
        said = OpenSearchMLHook("there").test_connection()
    assert said[0] is works
    assert words in said[1]


def test_a_token_is_the_password_or_in_a_file() -> None:
    assert connection_settings(connection({"auth": "bearer"})).authorize == BearerToken("s3cret")
    in_file = connection_settings(connection({"auth": "bearer", "token_file": "/run/token"}, password=None))
    assert in_file.authorize == TokenFile(Path("/run/token"))
    assert (in_file.username, in_file.client_arguments()["http_auth"]) == (None, in_file.authorize)


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"auth": "kerberos"}, "extra `auth` is 'kerberos', and may be basic, bearer, sigv4"),
        ({"auth": "bearer"}, "there is no token"),
        ({"auth": "sigv4", "service": "ec2"}, "extra `service` is 'ec2', and may be es, aoss"),
        ({"auth": "sigv4"}, "pip install 'sparse-index-dags\\[aws\\]'"),
    ],
)
def test_who_cannot_be_authorized_is_told_what_to_correct(extra: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        connection_settings(connection(extra, password=None))


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the Amazon provider, which is no package of the tests: what is asked of its hook."""

    class AwsBaseHook:
        def __init__(self, aws_conn_id: str | None, region_name: str | None) -> None:
            self.credentials = f"credentials of {aws_conn_id}"
            self.region_name = region_name or ("eu-north-1" if aws_conn_id == "has_region" else None)

        def get_session(self) -> SimpleNamespace:
            return SimpleNamespace(get_credentials=lambda: self.credentials)

    pytest.importorskip("botocore", reason="the extra `aws` is not installed")
    path = "airflow.providers.amazon.aws.hooks.base_aws"
    for end in range(3, len(path.split(".")) + 1):
        monkeypatch.setitem(sys.modules, ".".join(path.split(".")[:end]), ModuleType(path))
    sys.modules[path].AwsBaseHook = AwsBaseHook  # type: ignore[attr-defined]


def aws_hook() -> Any:
    return sys.modules["airflow.providers.amazon.aws.hooks.base_aws"].AwsBaseHook


def no_role(status: int) -> Callable[[object], None]:
    from botocore.exceptions import ClientError

    def get_session(hook: object) -> None:
        raise ClientError({"ResponseMetadata": {"HTTPStatusCode": status}}, "AssumeRole")

    return get_session


@pytest.mark.parametrize(("status", "error"), [(503, UnavailableError), (403, AccessError)])
def test_aws_that_gives_no_role_is_an_error_of_ours(
    amazon: None, monkeypatch: pytest.MonkeyPatch, status: int, error: type[SparseIndexError]
) -> None:
    """A connection with a role asks AWS for it when its session is made."""
    monkeypatch.setattr(aws_hook(), "get_session", no_role(status))
    with pytest.raises(error, match="AWS gives no credentials to sign with"):
        connection_settings(connection({"auth": "sigv4", "region": "eu-west-1"}))


CORPUS = """
alias: {name}
store: {store}
connection: {name}
source: {{uri: "/corpus/*.parquet", id_column: id, text_template: "{{title}}"}}
encoder: {{model: {{source: model_id, model_id: m1}}}}
"""


def test_one_connection_that_cannot_be_opened_stops_no_other_corpus(
    amazon: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What looks after all corpora goes on with those that can be asked."""
    signed = {"auth": "sigv4", "region": "eu-west-1"}
    for name, extra in {"open": {}, "signed": signed, "wrong": {"use_ssl": "perhaps"}, "nobody": None}.items():
        (tmp_path / f"{name}.yaml").write_text(CORPUS.format(name=name, store=tmp_path / "store"))
        if extra is not None:
            told = {"conn_type": "opensearch", "host": "search.example", "extra": extra}
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(told))
    monkeypatch.setattr(aws_hook(), "get_session", no_role(503))
    monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(tmp_path))
    with HouseholdOperator(task_id="look").household({"dag": DAG("janitor", schedule=None)}) as household:
        assert [*household.clusters] == ["open"]
        assert len(household.homes) == 4


def test_an_aws_connection_signs(amazon: None) -> None:
    extra = {"auth": "sigv4", "aws_conn_id": "aws_search", "region": "eu-west-1", "service": "aoss"}
    settings = connection_settings(connection(extra))
    assert settings.authorize == AwsSignature("credentials of aws_search", "eu-west-1", "aoss")
    assert (settings.port, settings.aws_service, settings.use_ssl) == (443, "aoss", True)
    assert "credentials" not in repr(settings)
    own_region = connection_settings(connection({"auth": "sigv4", "aws_conn_id": "has_region"}))
    assert own_region.authorize == AwsSignature("credentials of has_region", "eu-north-1", "es")


def test_without_a_region_nothing_is_signed(amazon: None) -> None:
    with pytest.raises(ConfigError, match="no region to sign for"):
        connection_settings(connection({"auth": "sigv4"}))


def test_the_form_has_a_field_for_each_extra_that_is_read_and_no_other() -> None:
    (kind,) = provider_info()["connection-types"]
    assert kind["connection-type"] == OpenSearchMLHook.conn_type
    filled = {name: field["schema"].get("default", "1") for name, field in kind["conn-fields"].items()}
    assert filled.keys() == set(hooks._EXTRAS)
    assert connection_settings(
        connection({name: filled[name] for name in ("use_ssl", "verify_certs", "timeout_s", "auth", "knn_natives")})
    ) == (connection_settings(connection())), "a form that nobody has touched changes nothing"
