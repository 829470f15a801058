"""What the command line's words become, and which it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sparse_index.cli.arguments import connection, parser, request
from sparse_index.cluster.authorization import BearerToken
from sparse_index.cluster.client import ConnectionSettings
from sparse_index.errors import ConfigError


def connected(url: str, *more: str) -> ConnectionSettings:
    return connection(parser().parse_args(["doctor", "c.yaml", "--url", url, *more]))


@pytest.mark.parametrize(
    ("url", "host", "port", "prefix", "use_ssl"),
    [
        ("https://search.example", "search.example", 9200, "", True),
        ("http://127.0.0.1:9201/", "127.0.0.1", 9201, "", False),
        ("https://proxy.example:443/search/eu/", "proxy.example", 443, "search/eu", True),
        ("https://[::1]:9200", "::1", 9200, "", True),
    ],
)
def test_an_address_is_used_whole(url: str, host: str, port: int, prefix: str, use_ssl: bool) -> None:
    found = connected(url)
    assert (found.host, found.port, found.path_prefix, found.use_ssl) == (host, port, prefix, use_ssl)


@pytest.mark.parametrize(
    "url", ["https://me:s3cret@search.example", "https://me:s3@cret@search.example:x", "me:s3cret@h"]
)
def test_a_login_in_the_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="--user and the environment variable OPENSEARCH_PASSWORD") as caught:
        connected(url)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "search.example:9200", "ftp://h", "https://", "https://h:port", "https://h:99999", "https://h:0"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"is no address.*without a port it is 9200"):
        connected(url)


@pytest.mark.parametrize("url", ["https://h?pretty", "https://h/#x"])
def test_parts_that_would_be_dropped_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is no address of a cluster"):
        connected(url)


def test_the_password_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_PASSWORD", "пароль")
    assert connected("https://h", "--user", "müller").password == "пароль"


@pytest.mark.parametrize(
    "words",
    [
        ["run", "c.yaml", "--row-limit", "-5"],
        ["run", "c.yaml", "--row-limit", "0"],
        ["plan", "c.yaml", "--row-limit", "many"],
        ["search", "c.yaml", "q", "--size", "-1"],
        ["search", "c.yaml", "q", "--analyzer", "standard", "--model-id", "m"],
    ],
)
def test_words_that_mean_nothing_end_with_the_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(words)
    assert caught.value.code == 2
    assert words[-2] in capsys.readouterr().err


def test_a_doubt_is_accepted_with_a_reason_or_not_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    accepted = request(parser().parse_args(["run", "c.yaml", "--accept-undecided", " measured by hand "]))
    assert accepted.accept_undecided == "measured by hand"
    assert request(parser().parse_args(["run", "c.yaml"])).accept_undecided is None
    with pytest.raises(SystemExit):
        parser().parse_args(["run", "c.yaml", "--accept-undecided", " "])
    assert "say why: the receipt keeps it" in capsys.readouterr().err


SECURITY = Path(__file__).parents[3] / "docs" / "security.md"
(AUTH,) = re.findall(r"^\| `auth` .*$", SECURITY.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("way", re.findall(r"`(\w+)`:", AUTH))
def test_of_each_way_to_say_who_we_are_the_page_says_how_the_command_line_has_it(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENSEARCH_TOKEN", "abc")
    monkeypatch.setenv("OPENSEARCH_PASSWORD", "def")
    if way == "bearer":
        assert connected("https://h").authorize == BearerToken("abc")
    elif way == "basic":
        named = connected("https://h", "--user", "me")
        assert (named.authorize, named.username, named.password) == (None, "me", "def")
    else:
        assert f"It has no `{way}`" in SECURITY.read_text(encoding="utf-8")


def test_a_certificate_of_ours_a_time_out_and_what_nodes_have_are_said_with_options() -> None:
    words = ["--client-cert", "me.pem", "--client-key", "me.key", "--timeout", "300", "--knn-natives"]
    found = connected("https://h", *words)
    assert (found.client_cert, found.client_key, found.timeout_s, found.knn_natives) == ("me.pem", "me.key", 300, True)
    plain = connected("https://h")
    assert (plain.client_cert, plain.client_key, plain.timeout_s, plain.knn_natives) == (None, None, 60, False)
