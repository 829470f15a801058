"""A build's numbers through Airflow's own statistics: StatsD or OpenTelemetry, or nowhere, as the deployment says."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk.observability import stats

if TYPE_CHECKING:
    from sparse_index.builds.metrics import Metric

PREFIX = "sparse_index"


def send_metrics(corpus: str, owner: str, metrics: Iterable[Metric]) -> None:
    """Each under `sparse_index.<name>`, with the tags `corpus` and `owner`."""
    tags = {"corpus": corpus, "owner": owner}
    for metric in metrics:
        name = f"{PREFIX}.{metric.name}"
        if metric.kind == "gauge":
            stats.gauge(name, metric.value, tags=tags)
        elif metric.kind == "seconds":
            stats.timing(name, timedelta(seconds=metric.value), tags=tags)
        elif metric.value:
            stats.incr(name, int(metric.value), tags=tags)
