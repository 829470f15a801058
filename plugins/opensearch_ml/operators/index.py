"""From a plan to a live index."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from opensearch_ml.opened import Build
from opensearch_ml.operators.base import BuildOperator, skip_when_idle
from opensearch_ml.progress import show_progress


class PrepareCandidateOperator(BuildOperator):
    """The candidate index, ready to be written; skips itself when there is nothing to build.

    Gives the list that `BulkIndexOperator` is mapped over.
    """

    def work(self, build: Build, context: Any) -> list[dict[str, int]]:
        from sparse_index.index.candidate import prepare_candidate

        plan = build.plan
        skip_when_idle(plan)
        self.log.info("Candidate %s is ready.", prepare_candidate(build.cluster, build.store, plan))
        return [{"number": part.number, "documents": part.items} for part in plan.index_parts]


class BulkIndexOperator(BuildOperator):
    """Writes one part of the plan into the candidate; every item is accounted for."""

    template_fields = ("plan_task_id", "part")

    def __init__(self, *, part: dict[str, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.part = part

    def work(self, build: Build, context: Any) -> dict[str, Any]:
        from sparse_index.builds.fail_fast import failing_fast
        from sparse_index.index.part import index_part

        store, plan = build.store, build.plan
        part = plan.index_parts[self.part["number"]]
        with failing_fast(store, plan, "index", part.number, first_attempt=context["ti"].try_number == 1):
            return asdict(index_part(build.cluster, store, plan, part, on_progress=show_progress(context)))


class ReconcileOperator(BuildOperator):
    """The books close, or nothing is promoted."""

    def work(self, build: Build, context: Any) -> dict[str, Any]:
        from sparse_index.books.reconcile import reconcile

        return asdict(reconcile(build.cluster, build.store, build.plan))


class GateOperator(BuildOperator):
    """The checks between a complete candidate and promotion."""

    def work(self, build: Build, context: Any) -> dict[str, Any]:
        from sparse_index.gate.sample import gate

        return asdict(gate(build.cluster, build.store, build.plan))


class PromoteOperator(BuildOperator):
    """One atomic switch of the alias to the candidate; skips itself for a limited build."""

    def work(self, build: Build, context: Any) -> dict[str, Any]:
        from sparse_index.index.promote import promote

        if not build.plan.promotes:
            raise AirflowSkipException(f"Build {build.plan.build_id} was limited by Param: it is never promoted.")
        return asdict(promote(build.cluster, build.plan, now=datetime.now(UTC)))


class RetireOperator(BuildOperator):
    """Deletes generations beyond the kept number; gives their names, and what had to be left and why."""

    def work(self, build: Build, context: Any) -> dict[str, Any]:
        from sparse_index.live.generations import retire

        return asdict(retire(build.cluster, build.plan.config))
