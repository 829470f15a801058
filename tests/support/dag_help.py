"""Reads the dags folder the way Airflow does."""

from __future__ import annotations

from pathlib import Path

DAGS = Path(__file__).parents[2] / "dags"


def load_bag():
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(DAGS)


def load_dags() -> dict:
    """DAG id -> DAG; import errors fail the test that asked."""
    bag = load_bag()
    assert bag.import_errors == {}
    return bag.dags
