"""The last word of a run."""

from __future__ import annotations

from typing import Any

from opensearch_ml.operators.base import PLAN_TASK, Corpus, CorpusOperator


class ReceiptOperator(CorpusOperator):
    """Writes the receipt, and fails unless the build ended as it should."""

    template_fields = ("corpus", "plan_task_id")

    def __init__(self, *, plan_task_id: str = PLAN_TASK, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan_task_id = plan_task_id

    def work(self, corpus: Corpus, context: Any) -> dict[str, Any]:
        raise NotImplementedError
