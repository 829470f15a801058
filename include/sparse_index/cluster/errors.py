"""The border: what OpenSearch's client raises becomes one of our errors, once."""

from __future__ import annotations

import re
from typing import Any

import orjson
from opensearchpy import exceptions as client_errors

from sparse_index.certificates import is_untrusted
from sparse_index.errors import (
    AccessError,
    OverloadedError,
    SparseIndexError,
    TerminalError,
    UnavailableError,
)

# So says a gateway that has waited long enough; the cluster goes on with the request.
GATEWAY_TIMED_OUT = frozenset({408, 504, 524})
_UNAVAILABLE = GATEWAY_TIMED_OUT | {502, 503}
# A server that has just started answers so for a shard that it is still recovering, with 404 of all things.
_RECOVERING = ("illegal_index_shard_state_exception", "index_shard_", "shard_not_found_exception")
# So answers, with 500, a node whose question another one did not answer because it was leaving or could not be reached.
_NODE_LEFT = (
    "node_disconnected_exception",
    "node_closed_exception",
    "node_not_connected_exception",
    "connect_transport_exception",
    "receive_timeout_transport_exception",
)
# Not a fault of ours: an index that a snapshot copies is deleted or closed when that has ended. Answered with 400.
SNAPSHOT_RUNS = "snapshot_in_progress_exception"
# Characters of a page that is not OpenSearch's.
_EXCERPT = 200
_PERMISSIONS = re.compile(r"no permissions for \[(?P<names>(?:[^\[\]]|\[[^\]]*\])+)\]")
# Where OpenSearch hides a missing permission behind something else: text of the answer -> the permission.
_HIDDEN = {"Failed to get ML node level profile": "cluster:admin/opensearch/ml/profile/nodes"}


def translate(error: client_errors.OpenSearchException, what: str) -> SparseIndexError:
    """Our error for `error`, raised by the client while doing `what` ("PUT /tickets")."""
    if isinstance(error, client_errors.ConnectionError) and isinstance(error.info, SparseIndexError):
        return error.info  # of what was to authorize the request, which the client takes for a failure of its own
    if isinstance(error, client_errors.ConnectionError) and is_untrusted(error.info):
        return AccessError(
            f"{what}: the certificate of the cluster is not trusted ({error.error}). "
            "Give the CA file in the connection's extra `ca_certs`."
        )
    if isinstance(error, client_errors.ConnectionError):
        return UnavailableError(
            f"{what}: no answer from the cluster ({error.error}). Check host, port and whether it is up."
        )
    if isinstance(error, client_errors.SerializationError) and _is_of_an_answer(error):
        return _answered_in_its_place(what, 200, error.args[0])
    if not isinstance(error, client_errors.TransportError) or not isinstance(error.status_code, int):
        return TerminalError(f"{what}: {error}")
    return _of_refusal(error, error.status_code, what)


def _of_refusal(error: client_errors.TransportError, status: int, what: str) -> SparseIndexError:
    answer = _answer(error)
    if status == 404 and not _is_of_opensearch(answer):
        return _answered_in_its_place(what, 404, answer)
    return of_status(status, reason_of(answer) or str(error.error), what)


def _is_of_an_answer(error: client_errors.SerializationError) -> bool:
    """And not of a request: those are refused with the data itself, an answer with its text or in words about its type."""
    said = error.args[0] if error.args else None
    return isinstance(said, str) and not said.startswith("Cannot serialize")


def _answered_in_its_place(what: str, status: int, answer: object) -> UnavailableError:
    said = " ".join(str(answer).split())[:_EXCERPT]
    return UnavailableError(
        f"{what}: something in front of the cluster answered in its place ({status}): {said}. Check host, port and path "
        "prefix of the connection, and whether the proxy finds the cluster.",
        status,
    )


def _answer(error: client_errors.TransportError) -> Any:
    """The body of a refusal, decoded where it is JSON: the client's connection with `authorize` leaves that to others."""
    if error.info is not None:
        return error.info
    try:
        return orjson.loads(error.error)
    except ValueError:
        return error.error


def _is_of_opensearch(answer: Any) -> bool:
    """Whether OpenSearch itself says that something is not there: a proxy that has just lost the cluster answers 404, too.
    Of pipelines and templates OpenSearch says `{}`, of a document its index, of a role NOT_FOUND, of anything else what kind of
    error it is."""
    if not isinstance(answer, dict):
        return False
    error = answer.get("error")
    is_told = "type" in error if isinstance(error, dict) else str(error).startswith("alias")
    return is_told or not answer or "_index" in answer or answer.get("status") == "NOT_FOUND"


def of_status(status: int, reason: str, what: str) -> SparseIndexError:
    """Our error for a refusal with this status and `reason_of` its body: of a request, or of one item of several that were
    answered together."""
    reason = _unhidden(reason)
    if status == 401:
        return AccessError(f"{what}: login or password refused (401).", status, reason)
    if (status == 403 or permissions_named(reason)) and "cluster_block_exception" not in reason:
        return AccessError(f"{what}: permission missing ({status}): {reason}. See docs/security.md.", status, reason)
    if status == 429 and "cluster_block_exception" in reason:
        # The flood-stage watermark's: no overload that passes by itself.
        return TerminalError(
            f"{what}: a block refuses writes (429): {reason}. Free disk, then run again.", status, reason
        )
    if status == 429:
        return OverloadedError(f"{what}: the cluster refuses work for now (429): {reason}.", status, reason)
    if status in _UNAVAILABLE or reason.startswith((*_RECOVERING, *_NODE_LEFT, SNAPSHOT_RUNS)):
        return UnavailableError(f"{what}: the cluster is not ready ({status}): {reason}.", status, reason)
    return TerminalError(f"{what}: refused with {status}: {reason}", status, reason)


def permissions_named(text: str) -> list[str]:
    """The permissions that a refusal of the security plugin names, in an error or in the items of a 200."""
    return [name.strip() for match in _PERMISSIONS.finditer(text) for name in match["names"].split(",")]


def _unhidden(reason: str) -> str:
    hidden = next((permission for text, permission in _HIDDEN.items() if text in reason), None)
    return f"{reason}: no permissions for [{hidden}]" if hidden else reason


def reason_of(info: Any) -> str:
    """ "type: reason" of an OpenSearch error body, and the last of its causes where it names any; an empty text when there
    is none (HEAD, proxies)."""
    cause = info.get("error", info) if isinstance(info, dict) else info
    if isinstance(cause, dict):
        roots = cause.get("root_cause") or [cause]
        parts = [str(roots[0].get(key, "")) for key in ("type", "reason")]
        return ": ".join(part for part in dict.fromkeys([*parts, _last_cause(cause)]) if part)
    return str(cause or "")


def _last_cause(cause: dict[str, Any]) -> str:
    inner = cause.get("caused_by")
    if not isinstance(inner, dict):
        return ""
    return _last_cause(inner) or str(inner.get("reason") or "")
