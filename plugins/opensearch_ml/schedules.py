"""When a corpus's DAG runs by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import CronPartitionTimetable

if TYPE_CHECKING:
    from sparse_index.config.corpus import CorpusConfig

PARTITION_KEY = "%Y-%m-%d"


def schedule_of(config: CorpusConfig) -> str | CronPartitionTimetable | None:
    """What Airflow makes runs from; the configuration has checked the text.

    A feed's runs each have a partition: the day before, which is whole when they begin. A backfill makes one run for each
    of its days.
    """
    if config.schedule is None:
        return None
    if config.kind == "snapshot":
        return config.schedule
    return CronPartitionTimetable(config.schedule, timezone="UTC", run_offset=-1, key_format=PARTITION_KEY)
