"""The numbers of a receipt, for whoever watches many builds."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from build_plans import corpus_config, make_plan
from sparse_index.builds.metrics import Metric, build_metrics
from sparse_index.live.age import live_metrics
from sparse_index.live.meta import meta_of

DOCS = Path(__file__).parents[3] / "docs"
RECEIPT: dict[str, Any] = {
    "outcome": "promoted",
    "failures": {},
    "planned": {"dead_letters": 1},
    "books": {"dead_letters": 3, "reused": 7},
    "encode": {"encoded": 100, "dead_letters": 2, "seconds": 4.0},
    "gate": {"checks": [{"name": "counts", "verdict": "pass"}]},
    "bytes": {"candidate": 5_000, "store": 70, "vectors": 0},
    "wall_seconds": 60.0,
    "waited_seconds": 0.0,
}


def values(receipt: dict[str, Any]) -> dict[str, float]:
    return {metric.name: metric.value for metric in build_metrics(receipt)}


def test_of_a_good_build() -> None:
    assert values(RECEIPT) == {
        "builds.promoted": 1,
        "gate.refusals": 0,
        "texts.encoded": 100,
        "documents.with_reused_vector": 7,
        "dead_letters": 3,
        "encode.texts_per_second": 25.0,
        "build.wall": 60.0,
        "build.waited": 0.0,
        "bytes.candidate": 5_000,
        "bytes.store": 70,
        "bytes.vectors": 0,
    }


@pytest.mark.parametrize(
    ("gate", "failures", "refusals"),
    [
        (RECEIPT["gate"], {"gate": "The gate refuses it"}, 1),
        (None, {"gate": "no answer from the cluster"}, 0),
        (RECEIPT["gate"], {"promote": "lost race"}, 0),
    ],
)
def test_only_a_gate_that_looked_has_refused(gate: Any, failures: dict[str, str], refusals: int) -> None:
    assert values(RECEIPT | {"gate": gate, "failures": failures})["gate.refusals"] == refusals


def test_of_a_build_that_broke_off_the_refused_so_far_count() -> None:
    assert values(RECEIPT | {"books": None, "index": {"dead_letters": 4}})["dead_letters"] == 5
    assert values(RECEIPT | {"books": None, "index": {"parts": 2, "parts_ended": 0}})["dead_letters"] == 3


@pytest.mark.parametrize("missing", sorted(RECEIPT.keys() - {"outcome"}))
def test_what_was_not_recorded_is_no_metric(missing: str) -> None:
    assert values({name: value for name, value in RECEIPT.items() if name != missing}).items() <= {
        *values(RECEIPT).items(),
        ("dead_letters", 3),
        ("texts.encoded", 0),
        ("documents.with_reused_vector", 0),
    }


def test_the_age_counts_from_the_begin_of_the_day() -> None:
    meta = meta_of(make_plan(corpus_config("tickets"))).model_copy(
        update={"documents": 9, "data_date": date(2025, 3, 1)}
    )
    assert [*live_metrics(meta, datetime(2025, 3, 2, 6, tzinfo=UTC))] == [
        Metric("gauge", "documents.live", 9),
        Metric("gauge", "data.age_seconds", 30 * 3600.0),
    ]


def test_the_page_names_every_metric_and_the_board_no_other() -> None:
    outcomes = {f"builds.{outcome}" for outcome in ("nothing_changed", "plan_only", "not_promoted", "failed")}
    sent = values(RECEIPT).keys() | {"documents.live", "data.age_seconds"} | outcomes
    page = (DOCS / "metrics.md").read_text()
    assert set(re.findall(r"^\| `sparse_index\.([a-z_.]+)`", page, re.MULTILINE)) == sent
    queries = json.dumps(json.loads((DOCS / "grafana.json").read_text()))
    used = set(re.findall(r"airflow_sparse_index_(\w+)", queries))
    known = {name.replace(".", "_") for name in sent}
    assert {name.removesuffix("_total") for name in used} <= known
