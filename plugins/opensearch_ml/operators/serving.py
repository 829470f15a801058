"""Serving, a phase a task: each looks for itself, so that any of them may be cleared, or killed, and run again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from opensearch_ml.corpora import corpora, corpus_config, folder_of
from opensearch_ml.failures import retried_only_if_useful
from opensearch_ml.operators.base import CorpusOperator
from opensearch_ml.runs import AirflowRuns, homes_of
from sparse_index.config.load import BrokenCorpus

if TYPE_CHECKING:
    from sparse_index.cluster.client import Cluster
    from sparse_index.config.corpus import CorpusConfig
    from sparse_index.serving.act import Serving


class ServingOperator(CorpusOperator):
    """Works with what queries of a corpus need, over the connection that may change it."""

    def execute(self, context: Any) -> Any:
        from opensearch_ml.hooks import OpenSearchMLHook

        with retried_only_if_useful(context):
            config = corpus_config(folder_of(context), self.corpus)
            with OpenSearchMLHook(config.serving_connection or config.connection) as hook:
                return self.serve(self._serving(hook.cluster, config, context))

    def serve(self, serving: Serving) -> Any:
        """The one call into the core; gives small JSON."""
        raise NotImplementedError

    def _serving(self, cluster: Cluster, config: CorpusConfig, context: Any) -> Serving:
        from sparse_index.config.neighbours import neighbours
        from sparse_index.serving.act import Serving
        from sparse_index.store.files import Store
        from sparse_index.timing import REAL_TIME

        found = dict(corpora(folder_of(context)))
        usable = {name: one for name, one in found.items() if not isinstance(one, BrokenCorpus)}
        return Serving(
            cluster,
            Store(config.store),
            config,
            REAL_TIME,
            beside=neighbours(found),
            goes_on=AirflowRuns(context, homes_of(usable)).goes_on,
        )


class ServingLookOperator(ServingOperator):
    """What there is to do, printed; nothing is changed."""

    def serve(self, serving: Serving) -> dict[str, Any]:
        from sparse_index.serving.decide import decide

        found = decide(serving.seen())
        self.log.info("%s", found)
        return {"steps": [str(step) for step in found.steps], "notes": list(found.notes)}


class ServingPhaseOperator(ServingOperator):
    """Does one phase, `models`, `try`, `point` or `tidy`; skips itself when the look has `found` nothing to do."""

    template_fields = ("corpus", "found")

    def __init__(self, *, phase: str, found: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.phase = phase
        self.found = found

    def execute(self, context: Any) -> Any:
        if not self.found["steps"]:
            raise AirflowSkipException("All that queries need is there.")
        return super().execute(context)

    def serve(self, serving: Serving) -> list[str]:
        from sparse_index.serving.act import carry_out
        from sparse_index.serving.decide import Phase

        done = carry_out(serving, Phase(self.phase))
        for line in done:
            self.log.info("%s", line)
        return done
