"""What an Airflow connection becomes: TLS on and verified unless it says otherwise, extras read key by key."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import Connection

from opensearch_ml.hooks import OpenSearchMLHook, connection_settings
from sparse_index.cluster.client import basic_authorization
from sparse_index.errors import ConfigError


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


def test_a_refused_connection_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_NOBODY", json.dumps({"conn_type": "opensearch", "host": "127.0.0.1", "port": 9}))
    monkeypatch.setattr("time.sleep", pytest.fail)
    hook = OpenSearchMLHook("nobody")
    works, message = hook.test_connection()
    hook.close()
    assert works is False
    assert "Check host, port" in message
