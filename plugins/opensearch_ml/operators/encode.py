"""Texts -> vectors in the store."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from opensearch_ml.opened import Build
from opensearch_ml.operators.base import BuildOperator
from opensearch_ml.progress import show_progress


class EncodeOperator(BuildOperator):
    """Encodes one part of the plan; chunks finished by an earlier attempt are skipped.

    Fails at once when the model is gone, which is what a clear of this task alone finds.
    """

    template_fields = ("plan_task_id", "model_id", "part")

    def __init__(self, *, model_id: str, part: dict[str, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model_id = model_id
        self.part = part

    def work(self, build: Build, context: Any) -> dict[str, Any]:
        from sparse_index.builds.fail_fast import failing_fast
        from sparse_index.cluster.cores import ml_cores
        from sparse_index.encode.part import encode_part

        cluster, store, plan = build.cluster, build.store, build.plan
        part = plan.encode_parts[self.part["number"]]
        with failing_fast(store, plan, "encode", part.number, first_attempt=context["ti"].try_number == 1):
            cores, shown = ml_cores(cluster), show_progress(context)
            return asdict(encode_part(cluster, store, plan, part, self.model_id, cores=cores, on_progress=shown))
