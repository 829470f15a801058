"""One DAG a corpus file. A file that cannot be used becomes a DAG that says why; all others go on."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import DAG, BaseOperator, get_parsing_context
from airflow.sdk.exceptions import AirflowFailException

from opensearch_ml.alerts import alert_problems, deployment_problems
from opensearch_ml.corpora import corpora, corpora_folder, folder_problem, macros_of
from opensearch_ml.dag_names import (
    broken_alerts_dag_id,
    broken_dag_id,
    broken_display_name,
    broken_folder_dag_id,
    broken_serving_dag_id,
    dag_id,
    display_name,
    is_broken,
    operations_dag_id,
    operations_display_name,
    serving_dag_id,
    serving_display_name,
)
from opensearch_ml.failures import say_why
from opensearch_ml.late import late_alert
from opensearch_ml.notifier import BrokenNotifier, FailureNotifier, told_once
from opensearch_ml.params import trigger_form
from opensearch_ml.schedules import schedule_of
from opensearch_ml.task_settings import executor_problem, operator_arguments
from sparse_index.config.airflow_rules import LONGEST_OWNER
from sparse_index.config.alerts import ALERTS_VARIABLE
from sparse_index.config.load import BrokenCorpus
from sparse_index.config.served import is_served

if TYPE_CHECKING:
    from sparse_index.config.corpus import CorpusConfig

    Wire = Callable[[str, CorpusConfig], None]

TAG = "sparse-index"
BROKEN_TAG = "broken"
OPERATIONS_TAG = "operations"
SERVING_TAG = "serving"
NIGHTLY = "30 4 * * *"
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
# With the delays above some three quarters of an hour.
PATIENT: dict[str, Any] = {"retries": 8}
LONG_RUNNING: dict[str, Any] = {"execution_timeout": timedelta(hours=24)}
NOTIFIES_ON_FAILURE: dict[str, Any] = {"on_failure_callback": FailureNotifier()}


def of_part(config: CorpusConfig, task_id: Literal["encode", "index"], title: str, **usual: Any) -> dict[str, Any]:
    """Arguments of the tasks that work on the parts of a build; the `usual` ones where the corpus file says nothing of them."""
    own = operator_arguments(getattr(config.airflow, task_id))
    return {"task_id": task_id, "map_index_template": title} | LONG_RUNNING | usual | own


def patient(config: CorpusConfig) -> dict[str, Any]:
    """Arguments of a task that is often refused for now: nodes start again, another run's model holds the place. The corpus
    file's come first."""
    return PATIENT | operator_arguments(config.airflow)


def where_encoded(config: CorpusConfig, task_id: str) -> dict[str, Any]:
    """Arguments of a task that has to run where the corpus file sends `encode`: it looks at what those workers do."""
    return {"task_id": task_id} | operator_arguments(config.airflow.encode)


def janitor_cleans() -> bool:
    """Whether somebody has said, in Airflow's environment, that scheduled runs of the janitor may delete."""
    return os.environ.get(JANITOR_VARIABLE) == "clean"


def corpus_dags(wire: Wire, doc: str, folder: Path | None = None) -> Iterator[DAG]:
    """The DAG of every corpus file, or the one that Airflow is asking for; `wire` adds the tasks.

    `folder`: where the corpus files are, if not where `corpora_folder` looks; tasks look there, too.
    """
    asked = _asked()
    wanted = None if asked is None else lambda corpus: asked == dag_id(corpus)
    found_at = corpora_folder(folder)
    for corpus, found in corpora(found_at, wanted):
        usable = found if asked else _able_to_tell(corpus, found, folder)
        yield _corpus_dag(corpus, usable, wire, doc=doc, user_defined_macros=macros_of(folder))
    if asked is None:
        yield from _broken_beside(found_at)


def _asked() -> str | None:
    """The DAG of the task that is about to run. None where all are wanted, for a broken one too: what breaks it may stand in
    another file."""
    asked = get_parsing_context().dag_id
    return None if asked is None or is_broken(asked) else asked


def _broken_beside(found_at: Path) -> Iterator[DAG]:
    """What is wrong for all corpora, in DAGs of their own: those of the corpora stay."""
    folder = folder_problem(found_at)
    found = {
        broken_folder_dag_id(str(found_at)): BrokenCorpus(
            str(found_at), "The corpora folder", [folder] if folder else []
        ),
        broken_alerts_dag_id(str(found_at)): BrokenCorpus(ALERTS_VARIABLE, ALERTS_VARIABLE, deployment_problems()),
    }
    yield from (_broken_dag(broken_id, broken) for broken_id, broken in found.items() if broken.found)


def _able_to_tell(corpus: str, found: CorpusConfig | BrokenCorpus, folder: Path | None) -> CorpusConfig | BrokenCorpus:
    """Asked where all DAGs are parsed, and not again before each task: a build never stops for a message."""
    if isinstance(found, BrokenCorpus):
        return found
    wrong = list(alert_problems(found, folder))
    return _broken(corpus, found, wrong) if wrong else found


def _broken(corpus: str, config: CorpusConfig, wrong: list[str]) -> BrokenCorpus:
    return BrokenCorpus(corpus, f"The file of {corpus}", wrong, config.owner, config.alerts)


def _corpus_dag(corpus: str, found: CorpusConfig | BrokenCorpus, wire: Wire, **common: Any) -> DAG:
    if isinstance(found, BrokenCorpus):
        return _broken_dag(broken_dag_id(corpus), found)
    problem = executor_problem(found.airflow)
    if problem is not None:
        return _broken_dag(broken_dag_id(corpus), _broken(corpus, found, [problem]))
    return _made(
        partial(_dag, corpus, found, **common), partial(wire, corpus, found), broken_dag_id(corpus), corpus, found
    )


def _made(make: Callable[[], DAG], wire: Callable[[], None], broken_id: str, corpus: str, config: CorpusConfig) -> DAG:
    """With its tasks; one that says why where Airflow refuses it."""
    try:
        with make() as dag:
            wire()
    except Exception as error:  # noqa: BLE001 - whatever it is, the other DAGs must not go with it
        why = f"Airflow made no DAG of it: {type(error).__name__}: {error}"
        return _broken_dag(broken_id, _broken(corpus, config, [why]))
    return dag


def _dag(corpus: str, config: CorpusConfig, *, doc: str, **arguments: Any) -> DAG:
    return DAG(
        dag_id(corpus),
        dag_display_name=display_name(corpus),
        owner_links=owner_links(config),
        description=config.description or f"Keeps the index '{config.alias}' up to date with its corpus",
        doc_md=doc,
        schedule=schedule_of(config),
        start_date=_START,
        catchup=False,
        auto_register=False,  # else one that breaks half-way would be there beside the one that says why
        is_paused_upon_creation=True,
        tags=[TAG, *config.tags],
        params=trigger_form(),
        default_args=TASK_DEFAULTS | {"owner": config.owner} | operator_arguments(config.airflow),
        deadline=late_alert(corpus, config),
        **arguments,
    )


def owner_links(config: CorpusConfig) -> dict[str, str]:
    """Where a press on the owner in the list of DAGs leads."""
    return {config.owner: config.owner_url} if config.owner_url else {}


def serving_dags(wire: Callable[[str], None], doc: str, folder: Path | None = None) -> Iterator[DAG]:
    """A second DAG for each corpus that has something to serve, or the one that Airflow is asking for."""
    asked = _asked()
    wanted = None if asked is None else lambda corpus: asked == serving_dag_id(corpus)
    for corpus, found in corpora(corpora_folder(folder), wanted):
        if isinstance(found, BrokenCorpus) or not is_served(found) or executor_problem(found.airflow):
            continue
        make = partial(_serving_dag, corpus, found, doc=doc, user_defined_macros=macros_of(folder))
        yield _made(make, partial(wire, corpus), broken_serving_dag_id(corpus), corpus, found)


def _serving_dag(corpus: str, config: CorpusConfig, *, doc: str, **arguments: Any) -> DAG:
    return DAG(
        serving_dag_id(corpus),
        dag_display_name=serving_display_name(corpus),
        owner_links=owner_links(config),
        description=f"Keeps what queries of '{config.alias}' need",
        doc_md=doc,
        schedule="*/15 * * * *",
        start_date=_START,
        catchup=False,
        max_active_runs=1,
        auto_register=False,  # as above
        is_paused_upon_creation=True,
        tags=[TAG, SERVING_TAG, *config.tags],
        default_args=TASK_DEFAULTS
        | told_once(corpus, config)
        | {"owner": config.owner}
        | operator_arguments(config.airflow),
        **arguments,
    )


def operations_dag(
    name: str, title: str, doc: str | None, *, schedule: str | None = None, folder: Path | None = None, **arguments: Any
) -> DAG:
    """A DAG for all corpora: one that a person triggers works at once, one with a schedule begins paused. Failures are told."""
    return DAG(
        operations_dag_id(name),
        dag_display_name=operations_display_name(title),
        doc_md=doc,
        schedule=schedule,
        start_date=_START,
        catchup=False,
        is_paused_upon_creation=schedule is not None,
        tags=[TAG, OPERATIONS_TAG],
        default_args=TASK_DEFAULTS | NOTIFIES_ON_FAILURE | {"owner": TAG},
        user_defined_macros=macros_of(folder),
        **arguments,
    )


class BrokenCorpusOperator(BaseOperator):
    """Fails with everything that is wrong with a corpus file."""

    def __init__(self, *, problems: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.problems = problems

    def execute(self, context: Any) -> None:
        say_why(self.problems)
        raise AirflowFailException(self.problems)


def _broken_dag(broken_id: str, broken: BrokenCorpus) -> DAG:
    """It runs, and fails, each night: else nobody would hear of it, for the DAG that should tell of its runs is gone."""
    said = _storable_in_all(broken)
    listed = "\n".join(f"- {_as_text(problem)}" for problem in said.found)
    with DAG(
        broken_id,
        dag_display_name=broken_display_name(said.name),
        description=f"{said.name} cannot be used: {said.found[0]}",
        doc_md=f"# Configuration broken\n{listed}\n\nCorrect the file; this DAG goes by itself, and the corpus's comes back.",
        schedule=NIGHTLY,  # without a start: who is at work on a new file is not told at once
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags=[TAG, BROKEN_TAG],
        default_args={"owner": said.owner} if said.owner else {},
        on_failure_callback=BrokenNotifier(said),
    ) as dag:
        BrokenCorpusOperator(task_id="read_configuration", problems=said.problems)
    return dag


def _storable_in_all(broken: BrokenCorpus) -> BrokenCorpus:
    owner = _storable(broken.owner or "")[:LONGEST_OWNER]
    found = tuple(map(_storable, broken.found))
    return replace(broken, name=_storable(broken.name), file=_storable(broken.file), found=found, owner=owner)


def _storable(text: str) -> str:
    """As a database takes it."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\0")


def _as_text(problem: str) -> str:
    """One item of a Markdown list, in which no character means anything."""
    return re.sub(r"([\\`*_{}\[\]<>()#+|~!-])", r"\\\1", " ".join(problem.split()))
