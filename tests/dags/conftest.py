"""An Airflow of its own for these tests: home and settings are in place before airflow is imported."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOME = Path(tempfile.mkdtemp(prefix="airflow-test-"))

os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}


@pytest.fixture(scope="session", autouse=True)
def airflow_home() -> Iterator[Path]:
    yield HOME
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def metadata_database(airflow_home: Path) -> None:
    """The tables that a run needs; made once a session."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def dag_bag():
    from dag_help import load_bag

    return load_bag()


@pytest.fixture(scope="session")
def corpus_names() -> list[str]:
    return sorted(path.stem for path in (ROOT / "include" / "corpora").glob("*.yaml"))


@pytest.fixture
def dag(dag_bag):
    return dag_bag.dags["sparse_index__tickets"]
