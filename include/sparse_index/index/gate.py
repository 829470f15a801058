"""The gate: what a complete candidate must show before the alias moves. Counts and sanity of its vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from sparse_index.cluster import Cluster
from sparse_index.errors import BuildError
from sparse_index.plan.model import Plan
from sparse_index.store import Store

SAMPLE = 200


@dataclass(frozen=True)
class GateReport:
    """`without_vector`: share of the sample (rank_features cannot be asked for existence). `tokens_*`: over its vectors."""

    documents: int
    live_documents: int | None
    without_vector: float
    planned_without_vector: float
    sampled: int
    tokens_min: int
    tokens_median: float
    tokens_max: int


def gate(cluster: Cluster, store: Store, plan: Plan) -> GateReport:
    """Check the candidate; `BuildError` naming every check that failed."""
    report = _observe(cluster, plan)
    problems = _problems(plan, report)
    if problems:
        raise BuildError(f"The gate refuses {plan.candidate}: {'; '.join(problems)}. The live index stays as it is.")
    return report


def _observe(cluster: Cluster, plan: Plan) -> GateReport:
    documents = _count(cluster, plan.candidate)
    vectors = _sampled_vectors(cluster, plan)
    sizes = [len(vector) for vector in vectors if vector]
    return GateReport(
        documents=documents,
        live_documents=_count(cluster, plan.live_index) if plan.live_index else None,
        without_vector=1 - len(sizes) / max(len(vectors), 1),
        planned_without_vector=plan.counts.blank / max(plan.counts.documents, 1),
        sampled=len(vectors),
        tokens_min=min(sizes, default=0),
        tokens_median=float(median(sizes)) if sizes else 0.0,
        tokens_max=max(sizes, default=0),
    )


def _problems(plan: Plan, report: GateReport) -> list[str]:
    limits = plan.config.limits
    problems = []
    if report.documents < limits.min_documents:
        problems.append(f"{report.documents} documents, limits.min_documents is {limits.min_documents}")
    if report.sampled and not report.tokens_max:
        problems.append(f"none of {report.sampled} sampled documents has a vector")
    return problems


def _count(cluster: Cluster, index: str) -> int:
    return int(cluster.get(f"/{index}/_count")["count"])


def _sampled_vectors(cluster: Cluster, plan: Plan) -> Sequence[dict[str, Any]]:
    field = plan.config.index.vector_field
    body = {
        "size": SAMPLE,
        "_source": [field],
        # Seeded by the build: whoever asks again sees the same documents.
        "query": {"function_score": {"random_score": {"seed": plan.build_id, "field": "_seq_no"}}},
    }
    hits = cluster.get(f"/{plan.candidate}/_search", body)["hits"]["hits"]
    return [hit["_source"].get(field, {}) for hit in hits]
