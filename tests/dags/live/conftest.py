"""One Airflow with all its services, and one OpenSearch behind a proxy, for all tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from build_plans import remove_indices
from faulty_proxy import faulty_proxy
from live_airflow import LiveAirflow
from live_corpora import LiveCorpus
from local_airflow.api import AirflowApi
from local_airflow.services import Services
from local_airflow.settings import environment, login_of
from own_servers import discard_airflow, ended_with_this_process
from sparse_index.cluster.client import Cluster, ConnectionSettings

CORPORA = ("marked", "cleared", "together", "killed", "read")
# As it is installed, but that a lost task is noticed sooner than after five minutes.
SETTINGS = {
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
}


@pytest.fixture(scope="session")
def live(
    tmp_path_factory: pytest.TempPathFactory, plain_settings: ConnectionSettings, plain_cluster: Cluster, root: Path
) -> Iterator[LiveAirflow]:
    folder = tmp_path_factory.mktemp("live")
    home = folder / "airflow"
    corpora = {name: LiveCorpus(name, folder) for name in CORPORA}
    for corpus in corpora.values():
        corpus.configure()
    with faulty_proxy(plain_settings) as proxy, ended_with_this_process(home, discard_airflow):
        settings = environment(root, home, {"host": "127.0.0.1", "port": proxy.listening})
        path = os.pathsep.join([settings["PYTHONPATH"], str(root / "tests" / "support")])
        ours = {"SPARSE_INDEX_CORPORA": str(folder / "corpora"), "PYTHONPATH": path}
        services = Services(home, settings | SETTINGS | ours)
        services.prepare()
        services.start()
        api = AirflowApi(login_of(home))
        for corpus in corpora.values():
            api.wait_until_ready(corpus.dag_id)
        yield LiveAirflow(api, services, proxy, plain_cluster, corpora)
    for corpus in corpora.values():
        remove_indices(plain_cluster, corpus.alias)
        remove_indices(plain_cluster, f"{corpus.alias}-undisturbed")
