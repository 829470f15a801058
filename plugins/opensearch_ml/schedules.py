"""When a corpus's DAG runs by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import CronPartitionTimetable, CronTriggerTimetable

if TYPE_CHECKING:
    from sparse_index.config.corpus import CorpusConfig

PARTITION_KEY = "%Y-%m-%d"


def schedule_of(config: CorpusConfig) -> CronTriggerTimetable | CronPartitionTimetable | None:
    """What Airflow makes runs from; the configuration has checked the text.

    A feed's runs each have a partition: the day before, which is whole when they begin. A backfill makes one run for each
    of its days. A snapshot's logical date is when it begins, whatever [scheduler] create_cron_data_intervals says: of a bare text
    Airflow would make a run for the day before.
    """
    if config.schedule is None:
        return None
    if config.kind == "snapshot":
        return CronTriggerTimetable(config.schedule, timezone="UTC")
    return CronPartitionTimetable(config.schedule, timezone="UTC", run_offset=-1, key_format=PARTITION_KEY)
