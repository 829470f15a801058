"""The border: what OpenSearch's client raises becomes one of our errors, once."""

from __future__ import annotations

import re
import ssl
from typing import Any

from opensearchpy import exceptions as client_errors

from sparse_index.errors import (
    AccessError,
    OverloadedError,
    SparseIndexError,
    TerminalError,
    UnavailableError,
)

_UNAVAILABLE = frozenset({502, 503, 504})
# A server that has just started answers so for a shard that it is still recovering, with 404 of all things.
_RECOVERING = ("illegal_index_shard_state_exception", "index_shard_", "shard_not_found_exception")
# A node that leaves while it is asked answers so, with 500.
_LEAVING = ("node_closed_exception", "node_disconnected_exception", "node_not_connected_exception")
# Not a fault of ours: an index that a snapshot copies is deleted or closed when that has ended. Answered with 400.
SNAPSHOT_RUNS = "snapshot_in_progress_exception"
_PERMISSIONS = re.compile(r"no permissions for \[(?P<names>(?:[^\[\]]|\[[^\]]*\])+)\]")
# Where OpenSearch hides a missing permission behind something else: text of the answer -> the permission.
_HIDDEN = {"Failed to get ML node level profile": "cluster:admin/opensearch/ml/profile/nodes"}


def translate(error: client_errors.OpenSearchException, what: str) -> SparseIndexError:
    """Our error for `error`, raised by the client while doing `what` ("PUT /tickets")."""
    if isinstance(error, client_errors.ConnectionError) and isinstance(error.info, SparseIndexError):
        return error.info  # of what was to authorize the request, which the client takes for a failure of its own
    if isinstance(error, client_errors.ConnectionError) and _is_untrusted(error.info):
        return AccessError(
            f"{what}: the certificate of the cluster is not trusted ({error.error}). "
            "Give the CA file in the connection's extra `ca_certs`."
        )
    if isinstance(error, client_errors.ConnectionError):
        return UnavailableError(
            f"{what}: no answer from the cluster ({error.error}). Check host, port and whether it is up."
        )
    if not isinstance(error, client_errors.TransportError) or not isinstance(error.status_code, int):
        return TerminalError(f"{what}: {error}")
    return _from_status(error, error.status_code, what)


def _is_untrusted(below: Any) -> bool:
    """Whether a certificate was looked at and refused. A handshake that a node or a proxy cuts short passes."""
    while isinstance(below, BaseException) and not isinstance(below, ssl.SSLCertVerificationError):
        below = below.__cause__ or below.__context__
    return isinstance(below, ssl.SSLCertVerificationError)


def _from_status(error: client_errors.TransportError, status: int, what: str) -> SparseIndexError:
    reason = _unhidden(reason_of(error.info)) or str(error.error)
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
    if status in _UNAVAILABLE or is_passing(reason):
        return UnavailableError(f"{what}: the cluster is not ready ({status}): {reason}.", status, reason)
    return TerminalError(f"{what}: refused with {status}: {reason}", status, reason)


def is_passing(reason: str) -> bool:
    """Whether "type: reason" of an error, or its type alone, is of something that passes by itself, whatever its status."""
    return reason.startswith((*_RECOVERING, *_LEAVING, SNAPSHOT_RUNS))


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
