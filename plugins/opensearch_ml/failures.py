"""What the core's errors mean to Airflow, decided once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
    AirflowTaskTimeout,
)

from sparse_index.addresses import hide_secrets
from sparse_index.errors import SparseIndexError, TerminalError

log = logging.getLogger(__name__)

ERROR_KEY = "error"
LONGEST_SAID = 1_000
# How a task tells Airflow what is to become of it.
_NO_FAILURES = (AirflowSkipException, AirflowRescheduleException)


@contextmanager
def retried_only_if_useful(context: Any) -> Iterator[None]:
    """A `TerminalError` fails the task at once; everything else leaves Airflow its usual retries.

    The message of any error is left as an XCom, so that the receipt can say why a run failed. Of a `TerminalError` Airflow shows
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
    except _NO_FAILURES:
        raise
    except (Exception, AirflowTaskTimeout) as error:
        said = _in_words(error, context)
        say_why(said)
        context["ti"].xcom_push(key=ERROR_KEY, value=said)
        raise


def _in_words(error: BaseException, context: Any) -> str:
    """Of an error that is not ours."""
    if isinstance(error, AirflowTaskTimeout):
        return (
            f"It took longer than its execution_timeout, {context['task'].execution_timeout}, and was ended. Its log says how "
            "far it was. Trigger a new run, which goes on from what is finished."
        )
    return f"{type(error).__name__}: {hide_secrets(str(error))[:LONGEST_SAID]}. Its log has the traceback."


def say_why(message: str) -> None:
    """A line of the log for each line of the message, before anything is raised: the page of a task breaks no line, and folds
    what callbacks log."""
    for line in message.splitlines():
        log.error("%s", line)
