"""Whom an alert reaches, the notifiers of the corpus file and of the deployment, and what leads from it back to Airflow."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk.configuration import conf

from opensearch_ml.console.views import CONSOLE
from opensearch_ml.dag_names import kind_of
from sparse_index.alerts.message import Alert, Reader
from sparse_index.alerts.notifiers import problems, send
from sparse_index.config.alerts import ALERTS_VARIABLE, AlertConfig, deployment_alerts, readable_deployment_alerts
from sparse_index.errors import ConfigError

if TYPE_CHECKING:
    from sparse_index.config.corpus import CorpusConfig

log = logging.getLogger(__name__)


def tell(alert: Alert, own: Sequence[AlertConfig], context: Any) -> bool:
    """Through the corpus's `own` notifiers and the deployment's. What was not sent is an error of the log; gives whether one of
    them took it."""
    alerts = [*own, *told_of_all()]
    unsent = send(alert, alerts, context)
    for said in unsent:
        log.error("%s", said)
    return len(unsent) < len(alerts)


def told_of_all() -> Sequence[AlertConfig]:
    """The deployment's; what of the variable cannot be used is an error of the log."""
    try:
        return deployment_alerts()
    except ConfigError as error:
        log.error("%s", error.message)
        return readable_deployment_alerts()


def alert_problems(config: CorpusConfig, folder: Path | None = None) -> Iterator[str]:
    """What would keep its own notifiers from telling of this corpus, without sending anything."""
    wrong = [f"alerts: {problem}" for problem in problems(config.alerts)]
    yield from wrong
    if config.late_after_minutes is None or wrong:
        return
    if folder is not None and config.alerts:
        yield (
            "late_after_minutes: the triggerer tells of a late run, and looks for `alerts` in its own corpora folder, not in "
            f"{folder}. Leave one of the two out, or name the notifiers in SPARSE_INDEX_ALERTS"
        )


def deployment_problems() -> list[str]:
    """What would keep the deployment's notifiers from telling of anything."""
    try:
        return [f"{ALERTS_VARIABLE}: {problem}" for problem in problems(deployment_alerts())]
    except ConfigError as error:
        return [error.message]


def reader_of(corpus: str, config: CorpusConfig) -> Reader:
    return Reader(corpus, config.owner, config.owner_url, config.runbook_url)


def run_address(dag_id: str, run_id: str) -> str:
    """Whole, for a message that is read elsewhere: the console's page of a corpus's run, Airflow's own of any other."""
    if kind_of(dag_id) == "daily":
        return f"{_base()}/{CONSOLE}/runs/{quote(dag_id, safe='')}/{quote(run_id, safe='')}"
    return _airflows_address(dag_id, run_id)


def answer_address(dag_id: str, run_id: str, task_id: str) -> str:
    """Airflow's page on which a person answers a task. Airflow's own function forgets the path of `[api] base_url`."""
    return f"{_airflows_address(dag_id, run_id)}/tasks/{quote(task_id, safe='')}/required_actions"


def _airflows_address(dag_id: str, run_id: str) -> str:
    return f"{_base()}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def _base() -> str:
    return str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")
