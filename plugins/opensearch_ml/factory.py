"""One DAG a corpus file. A file that cannot be used becomes a DAG that says why; all others go on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, BaseOperator, get_parsing_context
from airflow.sdk.exceptions import AirflowFailException

from opensearch_ml.corpora import corpora
from opensearch_ml.dag_names import broken_dag_id, dag_id, operations_dag_id
from opensearch_ml.notifier import FailureNotifier
from opensearch_ml.params import trigger_form
from opensearch_ml.schedules import schedule_of
from sparse_index.config.load import BrokenCorpus

if TYPE_CHECKING:
    from sparse_index.config.corpus import CorpusConfig

TAG = "sparse-index"
BROKEN_TAG = "broken"
OPERATIONS_TAG = "operations"
UNPAUSED_VARIABLE = "SPARSE_INDEX_DEMO"
JANITOR_VARIABLE = "SPARSE_INDEX_JANITOR"
_START = datetime(2025, 1, 1, tzinfo=UTC)

# `execution_timeout` bounds one attempt of a task. Never set `dagrun_timeout`: it skips the teardowns.
TASK_DEFAULTS: dict[str, Any] = {
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(hours=1),
}
LONG_RUNNING: dict[str, Any] = {"execution_timeout": timedelta(hours=24)}
NOTIFIES_ON_FAILURE: dict[str, Any] = {"on_failure_callback": FailureNotifier()}


def janitor_cleans() -> bool:
    """Whether somebody has said, in Airflow's environment, that scheduled runs of the janitor may delete."""
    return os.environ.get(JANITOR_VARIABLE) == "clean"


def corpus_dags(wire: Callable[[str, CorpusConfig], None], doc: str) -> Iterator[DAG]:
    """The DAG of every corpus file, or the one that Airflow is asking for; `wire` adds the tasks."""
    asked = get_parsing_context().dag_id
    wanted = None if asked is None else lambda corpus: asked in (dag_id(corpus), broken_dag_id(corpus))
    for corpus, found in corpora(wanted):
        yield _corpus_dag(corpus, found, wire, doc)


def _corpus_dag(
    corpus: str, found: CorpusConfig | BrokenCorpus, wire: Callable[[str, CorpusConfig], None], doc: str
) -> DAG:
    if isinstance(found, BrokenCorpus):
        return _broken_dag(corpus, found.problems)
    try:
        with _dag(corpus, found, doc) as dag:
            wire(corpus, found)
    except Exception as error:  # noqa: BLE001 - whatever it is, the DAGs of the other corpora must not go with it
        return _broken_dag(corpus, f"Airflow made no DAG of it: {type(error).__name__}: {error}")
    return dag


def _dag(corpus: str, config: CorpusConfig, doc: str) -> DAG:
    return DAG(
        dag_id(corpus),
        description=config.description or f"Keeps the index '{config.alias}' up to date with its corpus",
        doc_md=doc,
        schedule=schedule_of(config),
        start_date=_START,
        catchup=False,
        auto_register=False,  # else one that breaks half-way would be there beside the one that says why
        is_paused_upon_creation=UNPAUSED_VARIABLE not in os.environ,
        tags=[TAG, *config.tags],
        params=trigger_form(),
        default_args=TASK_DEFAULTS | {"owner": config.owner},
    )


def operations_dag(name: str, doc: str | None, *, schedule: str | None = None, **arguments: Any) -> DAG:
    """A DAG for all corpora: one that a person triggers works at once, one with a schedule begins paused. Failures are told."""
    return DAG(
        operations_dag_id(name),
        doc_md=doc,
        schedule=schedule,
        start_date=_START,
        catchup=False,
        is_paused_upon_creation=schedule is not None,
        tags=[TAG, OPERATIONS_TAG],
        default_args=TASK_DEFAULTS | NOTIFIES_ON_FAILURE | {"owner": TAG},
        **arguments,
    )


class BrokenCorpusOperator(BaseOperator):
    """Fails with everything that is wrong with a corpus file."""

    def __init__(self, *, problems: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.problems = problems

    def execute(self, context: Any) -> None:
        raise AirflowFailException(self.problems)


def _broken_dag(corpus: str, problems: str) -> DAG:
    said = problems.encode(errors="backslashreplace").decode().replace("\0", "\\0")
    with DAG(
        broken_dag_id(corpus),
        description=f"The configuration file of corpus {corpus!a} cannot be used",
        doc_md=f"# Configuration broken\n```\n{said}\n```\nCorrect the file; this DAG is replaced by itself.",
        schedule=None,
        tags=[TAG, BROKEN_TAG],
    ) as dag:
        BrokenCorpusOperator(task_id="read_configuration", problems=said)
    return dag
