"""A run that takes longer than its corpus file allows is told of while it still goes on; nothing is stopped.

Airflow calls from its triggerer, which has no DAG: what to say travels with the DAG, whom to tell is read from the corpus file,
because arguments of notifiers may hold secrets and a DAG's deadline is kept in Airflow's database.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

# Airflow's stub leaves them out.
from airflow.sdk import (  # type: ignore[attr-defined]
    AsyncCallback,
    BaseNotifier,
    DeadlineAlert,
    DeadlineReference,
)

from opensearch_ml.alerts import run_address, told_of_all
from opensearch_ml.corpora import corpora_folder, corpus_config
from sparse_index.alerts.message import Alert, Kind, Reader
from sparse_index.alerts.notifiers import notifier, unsent
from sparse_index.config.alerts import AlertConfig
from sparse_index.errors import ConfigError

if TYPE_CHECKING:
    from sparse_index.config.corpus import CorpusConfig

log = logging.getLogger(__name__)

_ENDED = ("success", "failed")
LONGEST_SENDING_S = 60.0


def late_alert(corpus: str, config: CorpusConfig) -> DeadlineAlert | None:
    """From the queue time, which every kind of run has.

    In seconds, as Airflow's database kept them until 3.2: with a `timedelta` Airflow 3.3.2 fails at each clearing of the run's
    tasks (`_recalculate_dagrun_queued_at_deadlines`).
    """
    minutes = config.late_after_minutes
    if minutes is None:
        return None
    reader = {name: getattr(config, name) for name in ("owner", "owner_url", "runbook_url")}
    said = {"corpus": corpus, "minutes": minutes, "reader": reader}
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=minutes).total_seconds(),
        callback=AsyncCallback(tell_late, kwargs=said),
        name=f"late after {minutes} minutes",
    )


async def tell_late(corpus: str, minutes: int, reader: Mapping[str, str | None], context: Mapping[str, Any]) -> None:
    """Not of a run that has ended meanwhile, which told of itself; nor of a backfill's, that waited in its queue."""
    run = context["dag_run"]
    if run["state"] in _ENDED or run["run_type"] == "backfill":
        log.info("Run %s is %s (%s): nobody is told that it is late.", run["dag_run_id"], run["state"], run["run_type"])
        return
    alert = Alert(
        Kind.LATE,
        Reader(corpus, str(reader["owner"]), reader["owner_url"], reader["runbook_url"]),
        f"{run['dag_id']} is late (run {run['dag_run_id']})",
        f"It is {run['state']}, {minutes} minutes after it was queued. Nothing was stopped.",
        run_address(run["dag_id"], run["dag_run_id"]),
    )
    log.warning("%s", alert)
    await _send(alert, await asyncio.to_thread(_told_of, corpus), context)


def _told_of(corpus: str) -> list[AlertConfig]:
    """Without those of a file that the triggerer does not have, which is an error of its log."""
    own: Sequence[AlertConfig] = ()
    try:
        own = corpus_config(corpora_folder(), corpus).alerts
    except ConfigError as error:
        log.error(
            "Whom the file of '%s' names is not told that it is late: the triggerer cannot read it. %s", corpus, error
        )
    return [*own, *told_of_all()]


async def _send(alert: Alert, alerts: Sequence[AlertConfig], context: Mapping[str, Any]) -> None:
    for one in alerts:
        try:
            await asyncio.wait_for(_sent(one, {**context, "alert": alert}), LONGEST_SENDING_S)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others must still be told
            log.error("%s", unsent(alert, one, error))


async def _sent(one: AlertConfig, context: dict[str, Any]) -> None:
    """Its import and making may take long, and the triggerer has others to serve: so does one that sends in no other way."""
    filled, shown = await asyncio.to_thread(notifier, one, context)
    if getattr(type(filled), "async_notify", BaseNotifier.async_notify) is BaseNotifier.async_notify:
        await asyncio.to_thread(filled.notify, shown)
    else:
        await filled.async_notify(shown)
