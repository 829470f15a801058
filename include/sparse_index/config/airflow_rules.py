"""What Airflow takes as a name, tag, owner, connection and schedule, told here and not by Airflow.

Airflow reads all corpora in one go: one value that it refuses, or that its database cannot hold, would take the DAGs of
all corpora away.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

from croniter import CroniterBadCronError, CroniterBadDateError, croniter
from pydantic import AfterValidator, Field

# What a corpus's second DAG, that serves its queries, has behind the name of the first.
SERVING = "__serving"
LONGEST_DAG_ID = 250
LONGEST_OWNER = 500
# The next run waits for that long in `turn`.
LONGEST_APPROVAL_H = 24 * 30
# `sparse_index__` is before the name.
LONGEST_NAME = LONGEST_DAG_ID - len("sparse_index__")
_NAME = re.compile(r"[\w.-]+")
_CONNECTION = re.compile(r"[\w#!()\-.:/\\]{1,250}")
_PRESETS = {"@quarterly": "0 0 1 */3 *"}  # the one that croniter does not know by itself
_NO_TIMES = ("@once", "@continuous")
_BY_HAND = "write null (without quotes) to run by hand only"
_SOME_DAY = datetime(2025, 1, 1, tzinfo=UTC)

Tag = Annotated[str, Field(max_length=100)]
Owner = Annotated[str, Field(max_length=LONGEST_OWNER)]


def corpus_name_problem(name: str) -> str | None:
    """What is wrong with `name` (a corpus file's, without its ending) as a part of a DAG id; None when nothing is."""
    if len(name) > LONGEST_NAME:
        return f"its name has {len(name)} characters, of which Airflow takes {LONGEST_NAME}: rename the file"
    if not _NAME.fullmatch(name):
        return "its name makes no DAG id: rename the file, with letters, digits, '.', '_' and '-' only"
    if name.endswith(SERVING):
        return f"its name ends like the serving DAG of another corpus ({SERVING}): rename the file"
    return None


def schedule_problem(schedule: str) -> str | None:
    """What is wrong with `schedule` as the times of a DAG; None when nothing is."""
    if schedule in _NO_TIMES:
        return (
            f"'{schedule}' names no times, and a corpus is kept up to date: write cron text or '@daily', or {_BY_HAND}"
        )
    expression = _PRESETS.get(schedule, schedule)
    try:
        if len(croniter(expression).expanded) > 5:
            return (
                f"'{schedule}' has more than the five fields MINUTE HOUR DAY MONTH WEEKDAY: leave seconds and years out"
            )
        croniter(expression, _SOME_DAY).get_next()
    except CroniterBadDateError:
        return f"'{schedule}' names a day that no month has: correct it"
    except CroniterBadCronError as error:
        return f"'{schedule}' is neither cron text nor a preset like '@daily' ({error}): correct it, or {_BY_HAND}"
    return None


def _times(schedule: str) -> str:
    problem = schedule_problem(schedule)
    if problem is not None:
        raise ValueError(problem)
    return schedule


def _connection(connection: str) -> str:
    if not _CONNECTION.fullmatch(connection):
        raise ValueError(
            "it is no id of an Airflow connection: it has letters, digits and # ! ( ) - . : / \\ only, at most 250"
        )
    return connection


def _link(address: str) -> str:
    parts = urlsplit(address)
    if not (parts.scheme in ("http", "https") and parts.netloc) and not (parts.scheme == "mailto" and parts.path):
        raise ValueError("it is no link: write https://... or mailto:...")
    return address


# Airflow keeps cron text also in words, up to six times as long, in 1,000 characters.
Schedule = Annotated[str, Field(max_length=150), AfterValidator(_times)]
ConnectionId = Annotated[str, AfterValidator(_connection)]
# It keeps one in 500 characters.
OwnerLink = Annotated[str, Field(max_length=500), AfterValidator(_link)]
