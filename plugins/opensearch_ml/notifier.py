"""Says in words how a run ended: in the log, and to those whom the corpus file and the deployment name."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

from opensearch_ml.alerts import reader_of, run_address, tell, told_of_all
from opensearch_ml.attempt import ended_stages, failed_tasks
from opensearch_ml.dag_names import broken_display_name, kind_of
from opensearch_ml.turns import APPROVE
from sparse_index.alerts.message import Alert, Kind, Reader
from sparse_index.errors import SparseIndexError

if TYPE_CHECKING:
    from sparse_index.alerts.told import Told
    from sparse_index.config.corpus import CorpusConfig
    from sparse_index.config.load import BrokenCorpus
    from sparse_index.store.files import Store


log = logging.getLogger(__name__)

KILLED = "The task was killed, or its worker was lost: it could not say why. Its log and the worker's end where that happened."


@dataclass(frozen=True)
class About:
    """The corpus whose runs are told of, by the name of its file."""

    corpus: str
    config: CorpusConfig

    @property
    def reader(self) -> Reader:
        return reader_of(self.corpus, self.config)

    @property
    def store(self) -> Store:
        from sparse_index.store.files import Store

        return Store(self.config.store)

    def told_path(self, dag_id: str) -> str:
        from sparse_index.alerts.told import told_path

        return told_path(self.config.alias, dag_id)


class FailureNotifier(BaseNotifier):
    """Logs one readable message of a failed task, and tells it through the notifiers."""

    def notify(self, context: Any) -> None:
        error = context.get("exception")
        if error is None:
            # Told by the DAG processor, of a task that cannot tell itself: whoever asks Airflow there waits until he is killed.
            self.tell(context, context["ti"].task_id, KILLED)
        else:
            self.tell(context, self.stage(context, str(error)), str(error))

    def tell(self, context: Any, stage: str, said: str) -> None:
        from sparse_index.console.remedies import remedy

        ti = context["ti"]
        title = f"{ti.dag_id} failed in '{stage}' (run {ti.run_id})"
        address = run_address(ti.dag_id, ti.run_id)
        alert = Alert(Kind.FAILED, self.reader(context), title, said, address, remedy(stage, kind_of(ti.dag_id), said))
        self.log.error("%s", alert)
        self.send(alert, context)

    def stage(self, context: Any, said: str) -> str:
        """Where the run failed: in the task itself, unless that fails because of another one, or of a person's no."""
        from sparse_index.builds.ending import ANSWERED

        if said.startswith(ANSWERED):
            return APPROVE
        try:
            return next(failed_tasks(context), context["ti"].task_id)
        except Exception as error:  # noqa: BLE001 - whatever it is, the message must go
            self.log.warning("Nobody says which task failed first: %s", error)
            return str(context["ti"].task_id)

    def reader(self, context: Any) -> Reader:
        return Reader(context["ti"].dag_id, context["task"].owner)

    def send(self, alert: Alert, context: Any) -> None:
        tell(alert, (), context)


class CorpusFailureNotifier(FailureNotifier):
    """Of a DAG of one corpus; remembers in its store that people wait for good news. `once`: until then it tells no more, for a
    DAG that looks every quarter of an hour."""

    def __init__(self, about: About, *, once: bool = False) -> None:
        super().__init__()
        self.about = about
        self.once = once

    def reader(self, context: Any) -> Reader:
        return self.about.reader

    def send(self, alert: Alert, context: Any) -> None:
        """What nobody took was not told."""
        if self.once and self.told_of_it(context):
            self.log.info("Told before, and not well since: no further message until a run is green again.")
        elif tell(alert, self.about.config.alerts, context):
            self.remember(context)

    def told_of_it(self, context: Any) -> bool:
        """Where the store does not say it, the run before has told if it failed."""
        try:
            return self.told_before(context["ti"].dag_id) is not None
        except (SparseIndexError, OSError) as error:
            self.log.warning("The store does not say whether this was told before: %s", error)
            return _failed_before(context)

    def told_before(self, dag_id: str) -> Told | None:
        """None too where there is nobody to tell."""
        from sparse_index.alerts.told import told_before

        if not (self.about.config.alerts or told_of_all()):
            return None
        return told_before(self.about.store, self.about.told_path(dag_id))

    def remember(self, context: Any) -> None:
        from sparse_index.alerts.told import Told, remember

        ti, day = context["ti"], self.day(context)
        told = Told(run_id=ti.run_id, at=datetime.now(UTC), days=frozenset({day} if day else ()))
        with self.store_may_fail("It is not remembered that this was told: nobody hears that a later run is green"):
            remember(self.about.store, self.about.told_path(ti.dag_id), told)

    def take_back(self, dag_id: str, rest: Told | None) -> None:
        from sparse_index.alerts.told import take_back

        with self.store_may_fail("It is not remembered that this is green again: the next green run says it once more"):
            take_back(self.about.store, self.about.told_path(dag_id), rest)

    def day(self, context: Any) -> date | None:
        """Of a feed's run, the day that it was to bring; None of any other, of a trial, and where nobody knows."""
        from opensearch_ml.params import run_request

        if self.once or self.about.config.kind != "feed":
            return None
        try:
            asked = run_request(context)
            return None if asked.mode == "plan_only" or asked.row_limit is not None else asked.data_date
        except Exception as error:  # noqa: BLE001 - whatever it is, the message must go
            self.log.warning("Nobody says of which day this run was: %s", error)
            return None

    @contextmanager
    def store_may_fail(self, said: str) -> Iterator[None]:
        """How a run ended does not change because its store keeps no note of it."""
        try:
            yield
        except (SparseIndexError, OSError) as error:
            self.log.warning("%s: %s", said, error)


class BrokenNotifier(BaseNotifier):
    """Of a corpus file that cannot be used. Whoever parsed it tells, the DAG processor: a worker may see another environment, in
    which nothing is wrong."""

    def __init__(self, broken: BrokenCorpus) -> None:
        super().__init__()
        self.broken = broken

    def notify(self, context: Any) -> None:
        from sparse_index.console.remedies import remedy

        dag, broken = context["dag"], self.broken
        reader, title = Reader(broken.name, broken.owner or dag.owner), broken_display_name(broken.name)
        address = run_address(dag.dag_id, context["run_id"])
        alert = Alert(Kind.FAILED, reader, title, broken.problems, address, remedy("read_configuration"))
        self.log.error("%s", alert)
        tell(alert, broken.alerts, context)


class EndNotifier(BaseNotifier):
    """After a run has ended well: that the corpus is well again, if people were told that it was not.

    A run is red all the same when a task beside has failed, a clean-up for example: then that is told.
    """

    def __init__(self, failure: CorpusFailureNotifier) -> None:
        super().__init__()
        self.failure = failure

    def notify(self, context: Any) -> None:
        try:
            failed, is_well = list(failed_tasks(context)), self.is_well(context)
        except Exception as error:  # noqa: BLE001 - whatever it is, the task ended well
            self.log.warning(
                "Nobody says whether other tasks of the run have failed, so nothing is told of it: %s", error
            )
            return
        if failed:
            self.failure.tell(context, failed[0], said_beside(context))
        elif is_well:
            self._tell_green(context)

    def is_well(self, context: Any) -> bool:
        """Whether a run that may be green is good news."""
        return True

    def _tell_green(self, context: Any) -> None:
        ti, about, day = context["ti"], self.failure.about, self.failure.day(context)
        told = None
        with self.failure.store_may_fail("Nobody knows whether people wait to hear that this is green"):
            told = self.failure.told_before(ti.dag_id)
        if told is None or (told.well and day not in told.days):
            return
        rest = told.without(day)
        title = f"{ti.dag_id} is green again{f', but for {len(rest.days)} of its days' if rest else ''}"
        said = f"Run {ti.run_id} ended well. It was red since {_in_words(told)}.{_missing(rest) if rest else ''}"
        alert = Alert(Kind.GREEN, about.reader, title, said, run_address(ti.dag_id, ti.run_id))
        self.log.info("%s", alert)
        if tell(alert, about.config.alerts, context):
            self.failure.take_back(ti.dag_id, rest)


def _in_words(told: Told) -> str:
    return f"run {told.run_id}, of which you were told at {told.at:%Y-%m-%d %H:%M} UTC"


def _missing(rest: Told) -> str:
    days = ", ".join(str(day) for day in sorted(rest.days))
    return (
        f' Days whose run failed, and of which none has ended well since: {days}. Clear it, "only failed" switched off.'
    )


class BuildEndNotifier(EndNotifier):
    """Of the last task of a build, which gives how that ended. A plan alone, or a build of some rows, is no good news: readers
    have what they had."""

    def is_well(self, context: Any) -> bool:
        from sparse_index.builds.ending import CURRENT

        return context["ti"].xcom_pull(task_ids=context["ti"].task_id)["outcome"] in CURRENT


class LastNotifier(EndNotifier):
    """Of every task of a DAG: only the last one ends its run."""

    def notify(self, context: Any) -> None:
        if not context["task"].downstream_task_ids:
            super().notify(context)


def told_at_its_end(corpus: str, config: CorpusConfig) -> dict[str, Any]:
    """Arguments of the last task of a run, that fails with whatever failed before it: one message a failed run."""
    failure = CorpusFailureNotifier(About(corpus, config))
    return {"on_failure_callback": failure, "on_success_callback": BuildEndNotifier(failure)}


def told_once(corpus: str, config: CorpusConfig) -> dict[str, Any]:
    """Arguments of every task of a DAG that runs often: one message when it breaks, one when it is green again.

    A task that skips itself ends the run: those below it are skipped by the scheduler, which calls nobody.
    """
    failure = CorpusFailureNotifier(About(corpus, config), once=True)
    return {
        "on_failure_callback": failure,
        "on_success_callback": LastNotifier(failure),
        "on_skipped_callback": EndNotifier(failure),
    }


def _failed_before(context: Any) -> bool:
    """Whether the run before this one failed, as far as Airflow says."""
    if context.get("exception") is None:  # as above: whoever asks there waits until he is killed
        return False
    try:
        before = context["ti"].get_previous_dagrun()
    except Exception as error:  # noqa: BLE001 - better told twice than not at all
        log.warning("Nobody says how the run before ended: %s", error)
        return False
    return before is not None and before.state == "failed"


def said_beside(context: Any) -> str:
    """What the tasks said that failed beside one that ended well."""
    from opensearch_ml.operators.receipt import why
    from sparse_index.builds.ending import failures

    return why(failures(ended_stages(context)))
