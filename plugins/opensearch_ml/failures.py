"""What the core's errors mean to Airflow, decided once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from sparse_index.errors import SparseIndexError, TerminalError

ERROR_KEY = "error"


@contextmanager
def retried_only_if_useful(context: Any) -> Iterator[None]:
    """A `TerminalError` fails the task at once; everything else leaves Airflow its usual retries.

    The message of either is left as an XCom, so that the receipt can say why a run failed.
    """
    try:
        yield
    except SparseIndexError as error:
        context["ti"].xcom_push(key=ERROR_KEY, value=error.message)
        if isinstance(error, TerminalError):
            raise AirflowFailException(error.message) from error
        raise
