"""Rollbacks and redrives of a corpus: what the store keeps of them and what Airflow knows of their runs, in one list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from opensearch_ml.console.sources import OperationRun
from opensearch_ml.dag_names import REDRIVE_DAG, ROLLBACK_DAG
from sparse_index.console.generations import REDRIVE, ROLLBACK, Record
from sparse_index.names import REDRIVES, is_by_hand

_DAGS = {ROLLBACK: ROLLBACK_DAG, REDRIVE: REDRIVE_DAG}
# As the operations' forms have them; importing them from the core would load what reads manifests.
_PREVIOUS, _LATEST = "previous", "latest"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Past:
    """`who` started it, None where nobody knows; `said`: what it did, or what it was asked for; `run`: None where Airflow does
    not know it, or the reader may not read it."""

    at: datetime | None
    what: str
    who: str | None
    said: tuple[str, ...]
    run: OperationRun | None = None


def past_operations(records: Iterable[Record], runs: Iterable[OperationRun]) -> list[Past]:
    """The newest first. What left a record says more than its run, and the run says who it was."""
    by_id = {(run.dag_id, run.run_id): run for run in runs}
    done = [_done(each, by_id.pop(_run_of(each), None)) for each in records]
    return sorted([*done, *_asked(by_id.values())], key=lambda past: past.at or _LONG_AGO, reverse=True)


def _run_of(record: Record) -> tuple[str, str]:
    """The operation's own run: that of the corpus which a redrive triggers is named after it."""
    return _DAGS[record.what], (record.run_id or "").removeprefix(REDRIVES)


def _done(record: Record, run: OperationRun | None) -> Past:
    by_hand = "the command line" if is_by_hand(record.run_id or "") else None
    return Past(record.at, record.what, run.who if run else by_hand, (record.summary, *record.notes), run)


def _asked(runs: Iterable[OperationRun]) -> Iterator[Past]:
    for run in runs:
        if run.dag_id == ROLLBACK_DAG:
            to = "the previous generation" if run.asked in (None, _PREVIOUS) else run.asked
            yield Past(run.at, ROLLBACK, run.who, (f"to {to}",), run)
        else:
            of = "the newest build that has any" if run.asked in (None, _LATEST) else f"build {run.asked}"
            yield Past(run.at, REDRIVE, run.who, (f"the letters of {of}",), run)
