"""Plans and candidates made by hand, for tests of the stages after the plan."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import pytest

from sparse_index.builds.plan import BuildKind, Counts, Plan
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.live.meta import meta_of
from sparse_index.names import candidate_name, new_build_id

NOW = datetime(2025, 3, 1, 6, 0, tzinfo=UTC)
# All plans are of one moment: their ids differ by this alone.
_NUMBERS = count()


def no_sleep(seconds: float) -> None:
    """The sleep of what must not wait."""
    pytest.fail(f"it waits {seconds} s")


def corpus_config(alias: str, store: str = "memory://store", **sections: Any) -> CorpusConfig:
    values: dict[str, Any] = {
        "alias": alias,
        "store": store,
        "source": {"uri": "corpus.parquet", "id_column": "id", "text_template": "{title}. {body}"},
        "encoder": {"model": {"source": "model_id", "model_id": "m1"}},
        "index": {"replicas": 0},
    }
    for name, section in sections.items():
        values[name] = values.get(name, {}) | section if isinstance(section, dict) else section
    return CorpusConfig.model_validate(values)


def make_plan(config: CorpusConfig, **changes: Any) -> Plan:
    """A full build's plan with a fresh build id and no parts; `changes` replace its fields."""
    build_id = changes.pop("build_id", None) or new_build_id(NOW, f"{next(_NUMBERS):03x}")
    values: dict[str, Any] = {
        "build_id": build_id,
        "request": RunRequest(run_id="test", data_date=date(2025, 3, 1)),
        "config": config,
        "kind": BuildKind.FULL,
        "reasons": ["test"],
        "created_at": NOW,
        "fingerprint": "0123456789abcdef",
        "live_index": None,
        "live_build_id": None,
        "counts": Counts(),
        "manifest": f"{config.alias}/builds/{build_id}/manifest.parquet",
        "encode_parts": [],
        "index_parts": [],
        "promotes": True,
    }
    return Plan(**values | changes)


def complete_candidate(cluster: Cluster, plan: Plan, documents: int = 0) -> str:
    """An index as reconcile leaves it, made by hand."""
    meta = meta_of(plan).model_copy(update={"state": "complete", "documents": documents})
    cluster.put(
        f"/{plan.candidate}",
        {
            "settings": {"index.number_of_replicas": 0},
            "mappings": {"_meta": {"sparse_index": meta.model_dump(mode="json")}},
            "aliases": {plan.write_alias: {}},
        },
    )
    for number in range(documents):
        cluster.put(f"/{plan.candidate}/_doc/{number}", {"n": number})
    cluster.post(f"/{plan.candidate}/_refresh")
    return plan.candidate


def ready_plan(cluster: Cluster, alias: str, live: str | None = None, documents: int = 0, **changes: Any) -> Plan:
    """A plan whose candidate is complete and waits for its promotion."""
    plan = make_plan(corpus_config(alias), live_index=live, **changes)
    complete_candidate(cluster, plan, documents)
    return plan


def remove_indices(cluster: Cluster, alias: str) -> None:
    """Everything the tests made for `alias`."""
    for name in cluster.get(f"/{candidate_name(alias, '*')}/_alias", ignore_unavailable="true"):
        cluster.delete(f"/{name}")
