"""The lines of the OpenSearch client: one for each request, hundreds around one that a person wants to read.

Of an answer that we expect, 404 say, the client warns; what goes wrong we say ourselves. So its lines stay out of a task's log,
unless Airflow logs at DEBUG or the deployment has given that logger a level.
"""

from __future__ import annotations

import logging
import re

from airflow.sdk.configuration import conf

CLIENT = "opensearch"


def keep_requests_out() -> None:
    """Once a process; again it does nothing."""
    client = logging.getLogger(CLIENT)
    if client.level == logging.NOTSET and not logging.getLogger().isEnabledFor(logging.DEBUG) and not _is_named():
        client.setLevel(logging.ERROR)


def _is_named() -> bool:
    """In `[logging] namespace_levels`, of which Airflow itself gives a level to none but its own kind of logger."""
    levels = conf.get("logging", "namespace_levels", fallback=None) or ""
    return CLIENT in re.split(r"[\s,=]+", levels)
