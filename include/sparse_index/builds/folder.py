"""Paths of one build in the store."""

from __future__ import annotations

from sparse_index.builds.plan import Plan


def final_manifest_path(plan: Plan) -> str:
    return f"{plan.folder}/manifest-final.parquet"
