"""Reads the dags folder the way Airflow does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import DAG

DAGS = Path(__file__).parents[2] / "dags"


def load_bag() -> DagBag:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(DAGS)


def store_dags() -> None:
    """Write them into the metadata database, as the DAG processor does."""
    _store(load_bag())


def store_dag(dag: DAG) -> None:
    """Of a test, beside those of the folder."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(os.devnull)
    bag.bag_dag(dag)
    _store(bag)


def _store(bag: DagBag) -> None:
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]
    sync_bag_to_db(bag, "dags-folder", None)


def load_dags() -> dict[str, DAG]:
    """DAG id -> DAG; import errors fail the test that asked."""
    bag = load_bag()
    assert bag.import_errors == {}
    return bag.dags
