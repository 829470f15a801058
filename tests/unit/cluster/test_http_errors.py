"""(what the client raises) -> (our error): the whole table, and which of them are tried again."""

from __future__ import annotations

import pickle
import ssl

import pytest
from opensearchpy import exceptions as client_errors

from fake_opensearch import fake_cluster, http_error, timed_out, unreachable
from sparse_index.cluster.client import ConnectionSettings
from sparse_index.cluster.errors import permissions_named, reason_of, translate
from sparse_index.errors import (
    AccessError,
    OverloadedError,
    SparseIndexError,
    TerminalError,
    TransientError,
    UnavailableError,
)

BLOCKED = "index [a] blocked by: [FORBIDDEN/8/index write (api)];"
FLOODED = "index [a] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark];"
REFUSED = "no permissions for [cluster:admin/opensearch/ml/predict] and User [name=b, backend_roles=[]]"
PROFILE = client_errors.TransportError(500, "x", "Failed to get ML node level profile")

TABLE = [
    (http_error(400, "illegal_argument_exception", "no"), TerminalError),
    (http_error(401, "Unauthorized"), AccessError),
    (http_error(403, "security_exception", REFUSED), AccessError),
    (client_errors.AuthorizationException(403, "", ""), AccessError),
    (http_error(403, "cluster_block_exception", BLOCKED), TerminalError),
    (http_error(404, "index_not_found_exception", "no such index [a]"), TerminalError),
    (http_error(404, "illegal_index_shard_state_exception", "CurrentState[RECOVERING]"), UnavailableError),
    (http_error(409, "status_exception", "conflict"), TerminalError),
    (http_error(413, "too_large", ""), TerminalError),
    (http_error(429, "circuit_breaking_exception", "Memory Circuit Breaker is open"), OverloadedError),
    (http_error(429, "cluster_block_exception", FLOODED), TerminalError),
    (http_error(500, "illegal_state_exception", "no"), TerminalError),
    (http_error(500, "node_disconnected_exception", "[n2][10.0.0.2:9300] disconnected"), UnavailableError),
    (http_error(500, "node_closed_exception", "node closed {n2}"), UnavailableError),
    (http_error(500, "node_not_connected_exception", "[n2][10.0.0.2:9300] Node not connected"), UnavailableError),
    (http_error(500, "connect_transport_exception", "[n2][10.0.0.2:9300] connect_exception"), UnavailableError),
    (http_error(500, "receive_timeout_transport_exception", "[n2] request_id [7] timed out"), UnavailableError),
    (PROFILE, AccessError),
    (http_error(500, "node_closed_exception", "node closed"), UnavailableError),
    (http_error(500, "node_disconnected_exception", "[n2] disconnected"), UnavailableError),
    (http_error(500, "node_not_connected_exception", "[n2] Node not connected"), UnavailableError),
    (http_error(502, "bad_gateway"), UnavailableError),
    (http_error(503, "cluster_manager_not_discovered_exception"), UnavailableError),
    (
        http_error(503, "cluster_block_exception", "blocked by: [SERVICE_UNAVAILABLE/1/state not recovered];"),
        UnavailableError,
    ),
    (http_error(504, "timeout"), UnavailableError),
    (client_errors.TransportError(408, "Request Timeout", None), UnavailableError),
    (client_errors.TransportError(524, "a timeout occurred", None), UnavailableError),
    (unreachable(), UnavailableError),
    (timed_out(), UnavailableError),
    (client_errors.SSLError("N/A", "certificate verify failed", ssl.SSLCertVerificationError()), AccessError),
    (client_errors.SSLError("N/A", "EOF occurred in violation of protocol", ssl.SSLEOFError()), UnavailableError),
    (client_errors.SerializationError("Unknown mimetype, unable to deserialize: text/html"), UnavailableError),
    (client_errors.SerializationError("<html>Log in</html>", ValueError("not JSON")), UnavailableError),
    (client_errors.SerializationError({"a": {1}}, TypeError("not JSON")), TerminalError),
]


def name_of(case: object) -> str:
    return f"{getattr(case, 'args', ('',))[0]}-{type(case).__name__}"


@pytest.mark.parametrize(("raised", "expected"), TABLE, ids=[name_of(raised) for raised, _ in TABLE])
def test_every_answer_has_one_error_of_ours(
    raised: client_errors.OpenSearchException, expected: type[SparseIndexError]
) -> None:
    ours = translate(raised, "GET /a")
    assert type(ours) is expected
    assert ours.message.startswith("GET /a: ")
    again = pickle.loads(pickle.dumps(ours))
    assert (type(again), again.message, again.status, again.reason) == (
        expected,
        ours.message,
        ours.status,
        ours.reason,
    )


@pytest.mark.parametrize(("raised", "expected"), TABLE, ids=[name_of(raised) for raised, _ in TABLE])
def test_only_what_may_pass_is_tried_again(
    raised: client_errors.OpenSearchException, expected: type[SparseIndexError]
) -> None:
    repeated: list[type[TransientError] | None] = [TransientError, OverloadedError, None]
    for retry in repeated:
        calls: list[str] = []

        def answer(method: str, path: str, body: object, calls: list[str] = calls) -> object:
            calls.append(path)
            raise raised

        with pytest.raises(expected):
            fake_cluster(answer, attempts=3).post("/a", {}, retry=retry)
        assert len(calls) == (3 if retry is not None and issubclass(expected, retry) else 1)


def test_a_call_that_succeeds_at_last_is_a_success() -> None:
    answers = [unreachable(), http_error(503, "x"), {"ok": True}]

    def answer(method: str, path: str, body: object) -> object:
        given = answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    assert fake_cluster(answer, attempts=3).get("/a") == {"ok": True}
    assert answers == []


def test_the_first_root_cause_is_the_reason() -> None:
    body = {
        "error": {"root_cause": [{"type": "first", "reason": "deep"}], "type": "outer", "reason": "all shards failed"}
    }
    assert reason_of(body) == "first: deep"
    assert reason_of({"error": "just a text"}) == "just a text"
    assert reason_of(None) == ""


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (REFUSED, ["cluster:admin/opensearch/ml/predict"]),
        ("no permissions for [indices:data/write/bulk[s]] and User [name=b]", ["indices:data/write/bulk[s]"]),
        ("no permissions for [a, b] and User [x]", ["a", "b"]),
        ("no permissions for [] and User [x]", []),
        ("index_not_found_exception: no such index [a]", []),
    ],
)
def test_the_missing_permission_is_read_out_of_a_refusal(text: str, names: list[str]) -> None:
    assert permissions_named(text) == names


def test_a_permission_hidden_behind_a_500_is_named() -> None:
    assert "[cluster:admin/opensearch/ml/profile/nodes]" in translate(PROFILE, "GET /p").message


def test_the_password_is_in_no_text() -> None:
    assert "s3cret" not in repr(ConnectionSettings(host="h", username="u", password="s3cret"))


def test_tls_is_on_and_verified_and_nothing_is_retried_by_the_client_itself() -> None:
    arguments = ConnectionSettings(host="h").client_arguments()
    assert (arguments["use_ssl"], arguments["verify_certs"]) == (True, True)
    assert (arguments["max_retries"], arguments["retry_on_timeout"]) == (0, False)


def test_a_gateways_page_that_says_all_is_well_is_not_the_clusters_answer() -> None:
    page = translate(client_errors.SerializationError("<html>\n Log in</html>", ValueError("no")), "GET /a")
    assert page.message.startswith(
        "GET /a: something in front of the cluster answered in its place (200): <html> Log in</html>. Check host"
    )
