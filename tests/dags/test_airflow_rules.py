"""The rules that the core knows, compared with Airflow's own: nothing passes here that Airflow, or its database, refuses."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import get_args

import pytest

from opensearch_ml.dag_names import dag_id
from sparse_index.config.airflow_rules import (
    LONGEST_NAME,
    ConnectionId,
    Owner,
    Schedule,
    Tag,
    corpus_name_problem,
    schedule_problem,
)

CHARACTERS = [*map(chr, range(256)), *"日本ßſ\u0301\u200d\u2028٣🎉"]
NAMES = [
    "",
    *CHARACTERS,
    *(f"a{character}b" for character in CHARACTERS),
    *(f"a{character}" for character in CHARACTERS),
]
PRESETS = [
    "@hourly",
    "@daily",
    "@midnight",
    "@weekly",
    "@monthly",
    "@quarterly",
    "@yearly",
    "@annually",
    "@reboot",
    "@never",
]
CRON = [
    *(
        "0 3 * * *",
        "*/5 * * * *",
        "0 3 * * 5#2",
        "0 3 L * *",
        "0 3 * * L5",
        "0 3 29 2 *",
        "0 3 1-7 * MON",
        "0 3 * JAN sun",
    ),
    *("H H * * *", "R R * * *", "0 3 * *", "0 0 3 * * *", "0 3 * * * 2030", "60 3 * * *", "0 24 * * *", "0 3 0 * *"),
    *("0 3 32 * *", "0 3 * 13 *", "0 3 * * 8", "0 3 ? * ?", "0 3 * * 5#9", "0 3 15W * *", " 0  3 * * * ", "0\t3 * * *"),
    *(
        "",
        "None",
        "null",
        "daily",
        "@Daily",
        "0-59/0 * * * *",
        "5-1 * * * *",
        "*/61 * * * *",
        "0 3 30 2 *",
        "٣ * * * *",
    ),
]


def most_characters(kind: object) -> int:
    return int(get_args(kind)[1].metadata[0].max_length)


def airflow_takes(validate: Callable[..., object], *arguments: object, **options: object) -> bool:
    try:
        return validate(*arguments, **options) is not False
    except Exception:  # noqa: BLE001 - Airflow has many words for no
        return False


def test_every_name_that_passes_makes_a_dag_id() -> None:
    from airflow.sdk.definitions._internal.node import validate_key

    for name in [*NAMES, "x" * LONGEST_NAME, "x" * (LONGEST_NAME + 1)]:
        # Airflow lets a line break pass at the end of a key, where nobody wants one.
        expected = airflow_takes(validate_key, dag_id(name)) and not name.endswith("\n") and name != ""
        assert (corpus_name_problem(name) is None) == expected, repr(name)


@pytest.mark.parametrize("schedule", [*PRESETS, *CRON])
def test_every_schedule_that_passes_is_airflow_s_too(schedule: str) -> None:
    from airflow.sdk import CronPartitionTimetable, CronTriggerTimetable

    for timetable in (CronTriggerTimetable, CronPartitionTimetable):
        valid = airflow_takes(lambda kind=timetable: kind(schedule, timezone="UTC").validate())
        problem = schedule_problem(schedule)
        if problem is None:
            assert valid
        elif valid:  # stricter than Airflow only for what never runs, or not when one thinks
            assert "more than the five fields" in problem or "no month" in problem


def test_a_schedule_s_words_fit_into_airflow_s_table() -> None:
    from airflow.models.dag import DagModel
    from airflow.timetables.trigger import CronTriggerTimetable

    longest, room = most_characters(Schedule), DagModel.__table__.c.timetable_description.type.length
    some = random.Random(8)
    for _ in range(300):
        expression = " ".join(cron_field(some, *limits) for limits in ((0, 59), (0, 23), (1, 28), (1, 12), (0, 6)))
        if len(expression) <= longest:
            assert len(CronTriggerTimetable(expression, timezone="UTC").description) <= room


def cron_field(some: random.Random, low: int, high: int) -> str:
    """One number, or many, or many pairs."""
    numbers = [number for number in range(low, high + 1) if some.random() < 0.9]
    pairs = [f"{number}-{number + 1}" for number in range(low, high, 2)]
    return some.choice([str(low), ",".join(map(str, numbers)) or "*", ",".join(pairs)])


def test_tags_owners_and_connections_are_no_longer_than_airflow_s_tables() -> None:
    from airflow.models.connection import sanitize_conn_id
    from airflow.models.dag import DagModel, DagOwnerAttributes, DagTag

    assert most_characters(Tag) == DagTag.__table__.c.name.type.length
    assert most_characters(Owner) <= min(
        DagModel.__table__.c.owners.type.length, DagOwnerAttributes.__table__.c.owner.type.length
    )
    check = get_args(ConnectionId)[1].func
    for name in [*itertools.islice(NAMES, 1, None), "x" * 250, "x" * 251]:
        expected = sanitize_conn_id(name) is not None and not name.endswith("\n")
        assert airflow_takes(check, name) == expected, repr(name)
