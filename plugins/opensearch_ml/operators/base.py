"""What every operator shares: whose configuration, which connection, which plan, and what an error means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from opensearch_ml.failures import retried_only_if_useful
from opensearch_ml.opened import Build, Corpus, open_build, open_corpus

if TYPE_CHECKING:
    from sparse_index.builds.plan import Plan


def skip_when_idle(plan: Plan) -> None:
    """`AirflowSkipException` when the plan makes no candidate."""
    if not plan.makes_candidate:
        raise AirflowSkipException(f"Build {plan.build_id}: {plan.outcome_when_idle.replace('_', ' ')}.")


class CorpusOperator(BaseOperator):
    """Works on a corpus by its configuration file; for the tasks before the plan."""

    template_fields: Sequence[str] = ("corpus",)

    def __init__(self, *, corpus: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.corpus = corpus

    def execute(self, context: Any) -> Any:
        with retried_only_if_useful(context), open_corpus(context, self.corpus) as corpus:
            return self.work(corpus, context)

    def work(self, corpus: Corpus, context: Any) -> Any:
        """The one call into the core; gives small JSON."""
        raise NotImplementedError


class BuildOperator(BaseOperator):
    """Works on a planned build; for every task after the plan."""

    def execute(self, context: Any) -> Any:
        with retried_only_if_useful(context), open_build(context) as build:
            return self.work(build, context)

    def work(self, build: Build, context: Any) -> Any:
        """The one call into the core; gives small JSON."""
        raise NotImplementedError
