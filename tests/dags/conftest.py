"""An Airflow of its own for these tests: home and settings are in place before airflow is imported."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import DAG

    from local_cluster import LocalCluster
    from real_day import RealDay
    from sparse_index.cluster.client import Cluster

ROOT = Path(__file__).parents[2]
HOME = Path(tempfile.mkdtemp(prefix="airflow-test-"))

os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__API_AUTH__JWT_SECRET": "of-tests-only-" * 8,
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}


@pytest.fixture(scope="session", autouse=True)
def airflow_home() -> Iterator[Path]:
    yield HOME
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def schemas_checked_once() -> Iterator[None]:
    """Airflow checks the schema of a Param each time it looks at its value: a fifth of a run's processor time."""
    from jsonschema import Draft202012Validator

    check, checked = Draft202012Validator.check_schema, set[str]()

    def once(schema: Any) -> None:
        if (text := json.dumps(schema, sort_keys=True)) not in checked:
            check(schema)
            checked.add(text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Draft202012Validator, "check_schema", once)
        yield


@pytest.fixture(scope="session")
def metadata_database(airflow_home: Path) -> None:
    """The tables that a run needs; made once a session."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def dag_bag() -> DagBag:
    from dag_help import load_bag

    return load_bag()


@pytest.fixture(scope="session")
def corpus_names() -> list[str]:
    return sorted(path.stem for path in (ROOT / "include" / "corpora").glob("*.yaml"))


@pytest.fixture
def dag(dag_bag: DagBag) -> DAG:
    return dag_bag.dags["sparse_index__tickets"]


@pytest.fixture
def told() -> Iterator[list[dict[str, Any]]]:
    """What `told.Keeps` was given to send during this test."""
    from told import TOLD

    TOLD.clear()
    yield TOLD
    TOLD.clear()


@pytest.fixture
def day(
    tmp_path: Path,
    plain_server: LocalCluster,
    plain_cluster: Cluster,
    metadata_database: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[RealDay]:
    """A corpus, store and alias of its own on the real OpenSearch; a run's leftovers go with it."""
    from real_day import RealDay, delete_everything

    connection = {"conn_type": "opensearch", "host": plain_server.host, "port": plain_server.port}
    monkeypatch.setenv("AIRFLOW_CONN_OPENSEARCH_DEFAULT", json.dumps(connection | {"extra": {"use_ssl": False}}))
    # `dag.test()` sleeps one second each time a failure travels one task further.
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(0.1 if seconds == 1 else seconds))
    alias = f"day-{uuid.uuid4().hex[:6]}"
    yield RealDay(tmp_path / "day", plain_cluster, alias, monkeypatch)
    delete_everything(plain_cluster, alias, tmp_path / "day")
