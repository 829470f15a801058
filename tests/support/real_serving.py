"""What serving keeps for one corpus, looked at and searched with as an application would, and taken away."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

from sparse_index.ml import verbs
from sparse_index.ml.groups import find_groups
from sparse_index.ml.served import served_models
from sparse_index.serving.act import Serving, serve
from sparse_index.serving.decide import Decision
from sparse_index.serving.needs import needs_of
from sparse_index.timing import Timing, utc_now

SEARCH: dict[str, Any] = {"mode": "hybrid", "sides": ["bm25", "text_sparse"], "query": {"text_sparse": "model"}}


def _minutes() -> Timing:
    moments = count(step=30)
    return Timing(clock=lambda: float(next(moments)), sleep=lambda seconds: time.sleep(min(seconds, 0.2)))


# Real time, of which every look at the clock takes half a minute: what only patience waits for is over at once.
HURRY = _minutes()


_RUNS = count(1)


def next_run(serving: Serving) -> Decision:
    """A quarter of an hour after the last one."""
    later = timedelta(minutes=15 * next(_RUNS))
    return serve(replace(serving, timing=replace(serving.timing, now=lambda: utc_now() + later)))


def models(serving: Serving) -> list[str]:
    """Of its serving groups, the oldest first."""
    found: list[str] = []
    for need in needs_of(serving.config):
        found += served_models(serving.cluster, need.source.model, need.content_sha256)
    return found


def pipelines(serving: Serving) -> list[str]:
    found = serving.cluster.find("/_search/pipeline") or {}
    return sorted(name for name in found if name.startswith(f"{serving.config.alias}--"))


def search(serving: Serving, text: str = "body number 4") -> list[str]:
    """As an application asks: by the alias, with the text alone. Gives ids, the best first."""
    sides = [
        {"match": {"title": "title 4"}},
        {"neural_sparse": {"text_sparse": {"query_text": text}}},
    ]
    body = {"size": 5, "query": {"hybrid": {"queries": sides}}}
    hits = serving.cluster.post(f"/{serving.config.alias}/_search", body)["hits"]["hits"]
    return [hit["_id"] for hit in hits]


def remove_served(serving: Serving) -> None:
    """All of it, whatever names it."""
    for pipeline in pipelines(serving):
        serving.cluster.remove(f"/_search/pipeline/{pipeline}")
    for need in needs_of(serving.config):
        verbs.remove_group(serving.cluster, need.group)
        assert find_groups(serving.cluster, need.group) == []
