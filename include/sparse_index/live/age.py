"""How much there is behind the alias, and how old it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time

from sparse_index.builds.metrics import Metric
from sparse_index.live.meta import Meta


def data_age_s(meta: Meta, now: datetime) -> float:
    """Seconds since the begin (UTC) of the day that the data stands for."""
    return (now - datetime.combine(meta.data_date, time(), UTC)).total_seconds()


def live_metrics(meta: Meta, now: datetime) -> Iterator[Metric]:
    """Of the live index, which may be another build's than the one that ended."""
    if meta.documents is not None:
        yield Metric("gauge", "documents.live", meta.documents)
    yield Metric("gauge", "data.age_seconds", data_age_s(meta, now))
