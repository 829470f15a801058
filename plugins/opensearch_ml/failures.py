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
    DownstreamTasksSkipped,
)

from sparse_index.addresses import hide_secrets
from sparse_index.errors import SparseIndexError, TerminalError

log = logging.getLogger(__name__)

ERROR_KEY = "error"
LONGEST_SAID = 1_000
# How a task tells Airflow what is to become of it.
_NO_FAILURES = (AirflowSkipException, DownstreamTasksSkipped, AirflowRescheduleException)


@contextmanager
def retried_only_if_useful(context: Any) -> Iterator[None]:
    """A `TerminalError` fails the task at once; everything else leaves Airflow its usual retries.

    The message of any error is left as an XCom, so that the receipt can say why a run failed. Of a `TerminalError` Airflow shows
    one traceback, which begins where it was raised.
    """
    try:
        yield
    except SparseIndexError as error:
        _leave(error.message, context)
        if isinstance(error, TerminalError):
            raise AirflowFailException(error.message).with_traceback(error.__traceback__) from None
        raise
    except _NO_FAILURES:
        raise
    except (Exception, AirflowTaskTimeout) as error:
        _leave(_in_words(error, context), context)
        raise


def _leave(message: str, context: Any) -> None:
    """An Airflow that does not take it changes nothing of how the task ends."""
    say_why(message)
    try:
        context["ti"].xcom_push(key=ERROR_KEY, value=message)
    except Exception as error:  # noqa: BLE001 - whatever it is, the task's own error is the one to raise
        log.warning(
            "The receipt will not say why: Airflow did not take the reason (%s: %s)", type(error).__name__, error
        )


def _in_words(error: BaseException, context: Any) -> str:
    """Of an error that is not ours."""
    if isinstance(error, AirflowTaskTimeout):
        return (
            f"It took longer than its execution_timeout, {context['task'].execution_timeout}, and was ended. Its log says how "
            "far it was. Airflow tries it again while it has retries left. Then see what slows it down (its log, its machine, "
            "the cluster) and trigger a new run, or give it more time first: TASK_DEFAULTS and LONG_RUNNING in "
            "opensearch_ml/factory.py."
        )
    return f"{type(error).__name__}: {hide_secrets(str(error))[:LONGEST_SAID]}. Its log has the traceback."


def say_why(message: str) -> None:
    """A line of the log for each line of the message, before anything is raised: the page of a task breaks no line, and folds
    what callbacks log."""
    for line in message.splitlines():
        log.error("%s", line)
