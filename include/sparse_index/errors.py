"""Every error this package raises on purpose.

    SparseIndexError
    ├── TerminalError          trying again changes nothing
    │   ├── ConfigError        the configuration contradicts itself, the corpus or the cluster
    │   ├── CorpusError        a corpus file cannot be read, or changed while it was being read
    │   ├── AccessError        wrong password, untrusted certificate, missing permission
    │   ├── ModelError         a model did not register, deploy or answer
    │   └── BuildError         books do not close, a guard or the gate says no, a promotion was lost
    └── TransientError         the same call may succeed later
        ├── UnavailableError   no connection, a time-out, 408, 502-504, 524, a node that leaves
        └── OverloadedError    429: an open circuit breaker or a full queue

A message says what happened, to which id, in which state, and what to do next.
"""

from __future__ import annotations

from typing import Any

from sparse_index.addresses import hide_secrets


class SparseIndexError(Exception):
    """Root of the tree; catch this to catch everything this package raises on purpose.

    `status` is the HTTP status where there was one, `reason` the server's own error type. An address in the message loses
    its secrets, whoever wrote the message.
    """

    def __init__(self, message: str, status: int | None = None, reason: str = "") -> None:
        self.message = hide_secrets(message)
        super().__init__(self.message)
        self.status = status
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.status, self.reason)


class TerminalError(SparseIndexError):
    """Trying again changes nothing."""


class ConfigError(TerminalError):
    """The configuration contradicts itself, the corpus or the cluster."""


class CorpusError(TerminalError):
    """A corpus file cannot be read, or changed while it was being read."""


class AccessError(TerminalError):
    """Wrong password, untrusted certificate or missing permission."""


class ModelError(TerminalError):
    """A model did not register, deploy or answer."""


class BuildError(TerminalError):
    """The books do not close, a guard or the gate says no, or a promotion was lost."""


class TransientError(SparseIndexError):
    """The same call may succeed later."""


class UnavailableError(TransientError):
    """No connection, a time-out, or the answer of a server that is not ready."""


class OverloadedError(TransientError):
    """The cluster refuses work for now: an open circuit breaker or a full queue."""
