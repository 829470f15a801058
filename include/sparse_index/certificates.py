"""Whether a server's certificate was looked at and refused: no outage that passes, but something for a person to mend."""

from __future__ import annotations

import ssl

# How the libraries' texts say it, where only their text is left.
REFUSED = "CERTIFICATE_VERIFY_FAILED"


def is_untrusted(error: object) -> bool:
    """By what led to `error`. A handshake that a server or a proxy cuts short passes: it is none."""
    while isinstance(error, BaseException) and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return isinstance(error, ssl.SSLCertVerificationError)
