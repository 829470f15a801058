"""When a corpus's DAG runs by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import CronPartitionTimetable, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowTimetableInvalid

from sparse_index.errors import ConfigError

if TYPE_CHECKING:
    from sparse_index.config.corpus import CorpusConfig

PARTITION_KEY = "%Y-%m-%d"


def schedule_of(config: CorpusConfig) -> str | CronPartitionTimetable | None:
    """What Airflow makes runs from; ConfigError for a text that it could not read, which would take every corpus's DAG
    away with it.

    A feed's runs each have a partition: the day before, which is whole when they begin. A backfill makes one run for each
    of its days.
    """
    if config.schedule is None:
        return None
    try:
        CronTriggerTimetable(config.schedule, timezone="UTC").validate()
    except AirflowTimetableInvalid as error:
        raise ConfigError(
            f"schedule: '{config.schedule}' is neither cron text nor a preset like '@daily' ({error}). Correct it, or write "
            "null to run by hand only"
        ) from error
    if config.kind == "snapshot":
        return config.schedule
    return CronPartitionTimetable(config.schedule, timezone="UTC", run_offset=-1, key_format=PARTITION_KEY)
