"""Metrics go through Airflow's own statistics."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.observability import stats

from opensearch_ml.metrics import send_metrics
from sparse_index.builds.metrics import Metric


def test_each_kind_is_sent_in_its_own_way_with_corpus_and_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    for kind in ("gauge", "timing", "incr"):
        monkeypatch.setattr(stats, kind, lambda *args, kind=kind, tags: sent.append((kind, *args, tags)))
    found = [Metric("gauge", "a", 1.5), Metric("seconds", "b", 2), Metric("count", "c", 3), Metric("count", "d", 0)]
    send_metrics("news", "me", found)
    tags = {"corpus": "news", "owner": "me"}
    assert sent == [
        ("gauge", "sparse_index.a", 1.5, tags),
        ("timing", "sparse_index.b", timedelta(seconds=2), tags),
        ("incr", "sparse_index.c", 3, tags),
    ]
