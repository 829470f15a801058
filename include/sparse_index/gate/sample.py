"""The gate: what a complete candidate must show before the alias moves.

So far: enough documents, and a random sample of them that agrees with the manifest (known, and with a vector exactly
where there is a text). Fields of token weights answer no `exists` query, so vectors can be looked at, not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from sparse_index.builds.folder import final_manifest_path
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import GATE, GateReport, gate_report_path
from sparse_index.cluster.client import Cluster
from sparse_index.errors import BuildError
from sparse_index.live.attached import observe_attached
from sparse_index.live.meta import read_meta
from sparse_index.store.files import Store
from sparse_index.store.sql import connect, parquet
from sparse_index.vectors.kinds import vector_kinds

SAMPLE = 200
EXAMPLES = 5


def gate(cluster: Cluster, store: Store, plan: Plan) -> GateReport:
    """Check the candidate and keep the report in the store; `BuildError` naming every check that failed."""
    documents = int(cluster.get(f"/{plan.candidate}/_count")["count"])
    sampled = _sampled_sizes(cluster, plan)
    texts = _has_text(store, plan, list(sampled))
    problems = [*_too_few(plan, documents), *sample_problems(sampled, texts)]
    if problems:
        raise BuildError(f"The gate refuses {plan.candidate}: {'; '.join(problems)}. The live index stays as it is.")
    sizes = [size for of_document in sampled.values() for size in of_document.values() if size]
    report = GateReport(
        documents=documents,
        live_documents=_live_documents(cluster, plan),
        sampled=len(sampled),
        blank=sum(not any(of_document.values()) for of_document in sampled.values()),
        tokens_min=min(sizes, default=0),
        tokens_median=float(median(sizes)) if sizes else 0.0,
        tokens_max=max(sizes, default=0),
    )
    GATE.save(store, gate_report_path(plan), report)
    return report


def sample_problems(sizes: Mapping[str, Mapping[str, int]], has_text: Mapping[str, bool]) -> list[str]:
    """What is wrong with sampled documents: id -> vector field -> size of the vector, against id -> whether the manifest has
    a text."""
    checks = {"are not in the manifest": [name for name in sizes if name not in has_text]}
    for field in dict.fromkeys(field for of_document in sizes.values() for field in of_document):
        there = {name: bool(of_document[field]) for name, of_document in sizes.items()}
        checks[f"have a text but no vector in '{field}'"] = [n for n in sizes if has_text.get(n) and not there[n]]
        checks[f"have a vector in '{field}' but no text"] = [n for n in sizes if has_text.get(n) is False and there[n]]
    return [
        f"{len(names)} of {len(sizes)} sampled documents {what}, such as {', '.join(names[:EXAMPLES])}"
        for what, names in checks.items()
        if names
    ]


def _too_few(plan: Plan, documents: int) -> list[str]:
    least = plan.config.limits.min_documents
    return [f"{documents} documents, limits.min_documents is {least}"] if documents < least else []


def _live_documents(cluster: Cluster, plan: Plan) -> int | None:
    """What the live index's own books say; it may be past counting (every request fails when its pipeline is gone)."""
    meta = read_meta(cluster, plan.live_index) if plan.live_index else None
    return meta.documents if meta else None


def _sampled_sizes(cluster: Cluster, plan: Plan) -> dict[str, dict[str, int]]:
    """Id -> vector field -> size of the vector (0 where there is none) of each sampled document."""
    kinds = vector_kinds(plan.config)
    body: dict[str, Any] = {
        "size": min(SAMPLE, observe_attached(cluster, plan.candidate).largest_page),
        "_source": list(kinds),
        # Seeded by the build: whoever asks again sees the same documents.
        "query": {"function_score": {"random_score": {"seed": plan.build_id, "field": "_seq_no"}}},
    }
    hits = cluster.get(f"/{plan.candidate}/_search", body)["hits"]["hits"]
    sources = {hit["_id"]: hit.get("_source", {}) for hit in hits}
    return {
        name: {field: kind.size(source[field]) if field in source else 0 for field, kind in kinds.items()}
        for name, source in sources.items()
    }


def _has_text(store: Store, plan: Plan, ids: list[str]) -> dict[str, bool]:
    with connect(store) as con:
        rows = con.execute(
            f"SELECT id, text_hash IS NOT NULL FROM {parquet(store, [final_manifest_path(plan)])} "
            "WHERE id IN (SELECT unnest($ids))",
            {"ids": ids},
        ).fetchall()
    return dict(rows)
