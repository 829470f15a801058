"""Trying dead letters again: what is to be tried, and, after an ordinary run of the corpus, what became of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException

from opensearch_ml.failures import retried_only_if_useful
from opensearch_ml.opened import Corpus
from opensearch_ml.operators.base import CorpusOperator
from opensearch_ml.params import require_answers_taken
from opensearch_ml.runs import run_state
from sparse_index.errors import BuildError

# A net under the deadlines that the tasks of the run have themselves: its turn alone may take 37 days.
LONGEST_RUN = timedelta(days=60)
# Seconds between two looks: at first, as a quick run is soon over, and of one that is not over after an hour.
SOON, LATER = 20, 120
_QUICK = timedelta(hours=1)


class SelectLettersOperator(CorpusOperator):
    """The open dead letters of a build (`latest`, or its id), and for which day they must be tried; skips itself when there
    are none."""

    template_fields = ("corpus", "build")

    def __init__(self, *, build: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.build = build

    def work(self, corpus: Corpus, context: Any) -> dict[str, Any]:
        from sparse_index.operations.redrive import select_letters

        require_answers_taken(context)
        self.log.info("Corpus '%s', dead letters of build: %s.", self.corpus, self.build)
        selection = select_letters(corpus.cluster, corpus.store, corpus.config, self.build)
        if selection is None:
            raise AirflowSkipException(f"'{corpus.config.alias}' has no open dead letters: nothing to redrive.")
        self.log.info("%s", selection)
        return {"corpus": self.corpus} | selection.model_dump(mode="json")


class RunEndSensor(BaseSensorOperator):
    """Waits until the run `of_run` of the DAG `of_dag` has ended well; fails as soon as that cannot be."""

    template_fields = ("of_dag", "of_run")

    def __init__(self, *, of_dag: str, of_run: str, **kwargs: Any) -> None:
        super().__init__(mode="reschedule", poke_interval=SOON, timeout=LONGEST_RUN, **kwargs)
        self.of_dag = of_dag
        self.of_run = of_run

    def execute(self, context: Any) -> Any:
        with retried_only_if_useful(context):
            try:
                return super().execute(context)
            except AirflowSensorTimeout as error:
                raise self._error(
                    f"is not over after {LONGEST_RUN.days} days. See what it waits for, then clear this task."
                ) from error

    def poke(self, context: Any) -> bool:
        began = context["ti"].get_first_reschedule_date(context)
        self.poke_interval = LATER if began is not None and datetime.now(UTC) - began > _QUICK else SOON
        state = run_state(context, self.of_dag, self.of_run)
        if state == "failed":
            raise self._error(
                "failed: its receipt says why. The dead letters stay open; mend the cause, then redrive them again."
            )
        if state is None:
            raise self._error("is gone. The dead letters stay open: redrive them again.")
        if state != "success" and context["ti"].get_dag(self.of_dag).is_paused:
            raise self._error(
                f"is {state}, and its DAG is paused: it would never end. Unpause the DAG, then clear this task."
            )
        return state == "success"

    def _error(self, what: str) -> BuildError:
        return BuildError(f"Run {self.of_run} of {self.of_dag} {what}")


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
