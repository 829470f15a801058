"""Texts -> vectors in the store."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from opensearch_ml.operators.base import Build, BuildOperator
from opensearch_ml.progress import reporter


class EncodeOperator(BuildOperator):
    """Encodes one part of the plan; chunks finished by an earlier attempt are skipped."""

    template_fields = ("plan_task_id", "part")

    def __init__(self, *, part: dict[str, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.part = part

    def work(self, build: Build, context: Any) -> dict[str, Any]:
        from sparse_index.encode.part import encode_part

        part = build.encode_part(self.part["number"])
        return asdict(encode_part(build.cluster, build.store, build.plan, part, report=reporter(context)))
