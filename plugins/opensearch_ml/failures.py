"""What the core's errors mean to Airflow, decided once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from sparse_index.errors import SparseIndexError, TerminalError

log = logging.getLogger(__name__)

ERROR_KEY = "error"


@contextmanager
def retried_only_if_useful(context: Any) -> Iterator[None]:
    """A `TerminalError` fails the task at once; everything else leaves Airflow its usual retries.

    The message of either is left as an XCom, so that the receipt can say why a run failed. Of a `TerminalError` Airflow shows
    one traceback, which begins where it was raised.
    """
    try:
        yield
    except SparseIndexError as error:
        say_why(error.message)
        context["ti"].xcom_push(key=ERROR_KEY, value=error.message)
        if isinstance(error, TerminalError):
            raise AirflowFailException(error.message).with_traceback(error.__traceback__) from None
        raise


def say_why(message: str) -> None:
    """A line of the log for each line of the message, before anything is raised: the page of a task breaks no line, and folds
    what callbacks log."""
    for line in message.splitlines():
        log.error("%s", line)
