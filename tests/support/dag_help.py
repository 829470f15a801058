"""Reads the dags folder the way Airflow does."""

from __future__ import annotations

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
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]
    sync_bag_to_db(load_bag(), "dags-folder", None)


def load_dags() -> dict[str, DAG]:
    """DAG id -> DAG; import errors fail the test that asked."""
    bag = load_bag()
    assert bag.import_errors == {}
    return bag.dags
