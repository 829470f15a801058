"""Trying dead letters again: what is to be tried, and, after an ordinary run of the corpus, what became of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from opensearch_ml.opened import Corpus
from opensearch_ml.operators.base import CorpusOperator


class SelectLettersOperator(CorpusOperator):
    """The open dead letters of a build (`latest`, or its id), and for which day they must be tried; skips itself when there
    are none."""

    template_fields = ("corpus", "build")

    def __init__(self, *, build: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.build = build

    def work(self, corpus: Corpus, context: Any) -> dict[str, Any]:
        from sparse_index.operations.redrive import select_letters

        self.log.info("Corpus '%s', dead letters of build: %s.", self.corpus, self.build)
        selection = select_letters(corpus.cluster, corpus.store, corpus.config, self.build)
        if selection is None:
            raise AirflowSkipException(f"'{corpus.config.alias}' has no open dead letters: nothing to redrive.")
        self.log.info("%s", selection)
        return {"corpus": self.corpus} | selection.model_dump(mode="json")


class SettleLettersOperator(CorpusOperator):
    """Clears the letters whose documents are live now, keeps those that were rejected again."""

    template_fields = ("corpus", "selection", "tried_by")

    def __init__(self, *, selection: dict[str, Any], tried_by: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.selection = selection
        self.tried_by = tried_by

    def work(self, corpus: Corpus, context: Any) -> dict[str, Any]:
        from sparse_index.operations.redrive import Selection, settle_letters

        selection = Selection.model_validate(self.selection)
        now = datetime.now(UTC)
        done = settle_letters(corpus.cluster, corpus.store, corpus.config, selection, run_id=self.tried_by, now=now)
        self.log.info("%s", done)
        return {"summary": str(done)} | done.model_dump(mode="json", exclude={"remaining"})
