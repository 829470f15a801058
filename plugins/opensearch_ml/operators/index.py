"""From a plan to a live index."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from opensearch_ml.assets import tell
from opensearch_ml.links import BuildLink, promotion_links, show_while_it_runs
from opensearch_ml.opened import Build
from opensearch_ml.operators.base import BuildOperator, skip_when_idle
from opensearch_ml.progress import show_progress
from opensearch_ml.turns import require_own_turn


class PrepareCandidateOperator(BuildOperator):
    """The candidate index, ready to be written; skips itself when there is nothing to build.

    Gives the list that `BulkIndexOperator` is mapped over.
    """

    def work(self, build: Build, context: Any) -> list[dict[str, int]]:
        plan = build.plan
        skip_when_idle(plan)
        require_own_turn(context["ti"])
        from sparse_index.index.candidate import prepare_candidate  # half a second that a quiet day does without

        prepare_candidate(build.cluster, build.store, plan, takes_turns=True)
        origin = f"a clone of {plan.live_index}" if plan.kind.value == "delta" else "new and empty"
        documents = sum(part.items for part in plan.index_parts)
        self.log.info(
            "Candidate %s is ready, %s: %s documents are to be written or deleted in %d part(s).",
            *(plan.candidate, origin, f"{documents:,}", len(plan.index_parts)),
        )
        return [{"number": part.number, "documents": part.items} for part in plan.index_parts]


class BulkIndexOperator(BuildOperator):
    """Writes one part of the plan into the candidate; every item is accounted for."""

    operator_extra_links = (BuildLink(),)
    template_fields = ("part",)

    def __init__(self, *, part: dict[str, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.part = part

    def work(self, build: Build, context: Any) -> dict[str, Any]:
        from sparse_index.builds.fail_fast import failing_fast
        from sparse_index.index.part import index_part

        show_while_it_runs(self, context, BuildLink())
        require_own_turn(context["ti"])
        store, plan = build.store, build.plan
        part = plan.index_parts[self.part["number"]]
        with failing_fast(store, plan, "index", part.number, cleared=context["ti"].max_tries != self.retries):
            result = index_part(build.cluster, store, plan, part, on_progress=show_progress(context))
        self.log.info("%s", result)
        return asdict(result)


class ReconcileOperator(BuildOperator):
    """The books close, or nothing is promoted."""

    def work(self, build: Build, context: Any) -> dict[str, Any]:
        from sparse_index.books.reconcile import reconcile

        books = reconcile(build.cluster, build.store, build.plan)
        self.log.info("%s", books)
        return asdict(books)


class GateOperator(BuildOperator):
    """The checks between a complete candidate and promotion; gives their names by verdict."""

    def work(self, build: Build, context: Any) -> dict[str, Any]:
        from sparse_index.builds.check import by_verdict
        from sparse_index.gate.gate import gate

        report = gate(build.cluster, build.store, build.plan, can_ask=True)
        self.log.info("%s: %s", build.plan.candidate, report)
        return {"documents": report.documents, "live_documents": report.live_documents, **by_verdict(report.checks)}


class PromoteOperator(BuildOperator):
    """One atomic switch of the alias to the candidate; skips itself for a limited build."""

    operator_extra_links = promotion_links()
    _promoted: Build | None = None

    def work(self, build: Build, context: Any) -> dict[str, Any]:
        from sparse_index.builds.news import promotion_news
        from sparse_index.index.promote import promote

        if not build.plan.promotes:
            raise AirflowSkipException(f"Build {build.plan.build_id} was limited by Param: it is never promoted.")
        require_own_turn(context["ti"])
        promotion = promote(build.cluster, build.plan, now=datetime.now(UTC))
        tell(context, self.outlets, promotion_news(build.store, build.plan))
        self.log.info("Alias '%s': %s", build.plan.alias, promotion)
        self._promoted = build
        return asdict(promotion)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Called by the OpenLineage provider alone, in the process of the task."""
        from opensearch_ml.lineage import operator_lineage

        return operator_lineage(self._promoted)


class RetireOperator(BuildOperator):
    """Deletes generations beyond the kept number; gives their names, and what had to be left and why."""

    def work(self, build: Build, context: Any) -> dict[str, Any]:
        from sparse_index.live.generations import retire

        retired = retire(build.cluster, build.plan.config)
        self.log.info("%s", retired)
        return asdict(retired)
