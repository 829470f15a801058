"""What a person reads of an error, whichever it is: each page shows what there is, and says why the rest is not."""

from __future__ import annotations

import logging

from sparse_index.addresses import hide_secrets
from sparse_index.errors import SparseIndexError

log = logging.getLogger(__name__)


def in_words(error: BaseException) -> str:
    """Never a secret, and of a defect of ours where to look."""
    if isinstance(error, SparseIndexError):
        return error.message
    if isinstance(error, FileNotFoundError):
        return f"{hide_secrets(str(error.filename or error))} is not there."
    if isinstance(error, OSError):
        return f"The store cannot be read: {hide_secrets(str(error))}."
    log.error("The console failed to show something.", exc_info=error)
    return f"This could not be shown ({type(error).__name__}). The reason stands in the API server's log."
