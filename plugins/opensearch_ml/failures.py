"""What the core's errors mean to Airflow, decided once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from sparse_index.errors import TerminalError


@contextmanager
def retried_only_if_useful() -> Iterator[None]:
    """A `TerminalError` fails the task at once; everything else leaves Airflow its usual retries."""
    try:
        yield
    except TerminalError as error:
        raise AirflowFailException(str(error)) from error
