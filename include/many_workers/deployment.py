"""A deployment: a head with the four services, three workers, their servers, and OpenSearch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Template

from demo.generate import CorpusRequest, generate_corpus
from local_airflow.api import AirflowApi
from local_airflow.processes import Process, stop_all
from local_airflow.services import SERVICES, Services
from local_airflow.settings import environment, login_of
from local_cluster import LocalCluster, start, stop
from many_workers.machines import Machine, copy_packages, install
from many_workers.servers import BUCKET, Servers

WORKERS = ("worker-1", "worker-2", "worker-3")
TASKS_AT_ONCE = 2
# Two corpora of the same documents, each with an alias and a store of its own.
CORPORA = ("undisturbed", "disturbed")
CORPUS = Template("""\
alias: many-$name
store: s3://$bucket/stores/$name
owner: demo
schedule: null
cluster_settings: ensure
source: {uri: "s3://$bucket/corpus", id_column: id, text_template: "{title}. {body}"}
encoder:
  model: {source: file, name: many-$name, version: 1.0.0, path: ../include/demo/toy_models/sparse/model.zip}
  docs_per_request: 8
  parallel_tasks: $workers
index: {replicas: 0}
""")
# How soon a loss is noticed: docs/deploy.md says what a deployment of another size sets.
PATIENCE = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "15",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "3600",
}


@dataclass(frozen=True)
class Deployment:
    """Everything is below `folder`; `project` is this checkout."""

    project: Path
    folder: Path

    @cached_property
    def head(self) -> Machine:
        return Machine(self.folder / "head")

    @cached_property
    def workers(self) -> Mapping[str, Machine]:
        return {name: Machine(self.folder / name) for name in WORKERS}

    @cached_property
    def opensearch(self) -> LocalCluster:
        """Started at the first call."""
        return start(self.folder / "opensearch", "plain")

    @cached_property
    def servers(self) -> Servers:
        return Servers(self.folder / "servers", self.head, login_of(self.head.home).password)

    @cached_property
    def api(self) -> AirflowApi:
        return AirflowApi(login_of(self.head.home))

    def discard(self) -> None:
        """End what runs, and remove what former runs left, packages excepted: the same day again would encode nothing."""
        self.stop()
        stop(self.folder / "opensearch", discard_data=True)
        for folder in (self.folder / "servers", *(self.folder / name / "home" for name in ("head", *WORKERS))):
            shutil.rmtree(folder, ignore_errors=True)

    def install(self) -> None:
        """Packages and code of all machines."""
        install(self.head, self.project)
        for machine in self.workers.values():
            copy_packages(self.head, machine)
        for machine in (self.head, *self.workers.values()):
            machine.lay_out(self.project, {name: _corpus(name) for name in CORPORA})

    def start(self, rows: int) -> None:
        """Returns when the corpora's DAGs are there."""
        self.servers.start()
        generate_corpus(CorpusRequest("tickets", rows), self.servers.folder / "store" / BUCKET / "corpus")
        self.services.prepare(encode_tasks=len(WORKERS))
        self.services.start()
        for name in CORPORA:
            self.api.wait_until_ready(dag_of(name))
        for name in WORKERS:
            self.worker(name).start()

    @cached_property
    def services(self) -> Services:
        return Services(self.folder, self._settings(self.head), self.head.command())

    def worker(self, name: str) -> Process:
        machine = self.workers[name]
        arguments = ("-m", "airflow", "celery", "worker", "--celery-hostname", f"{name}@%h", "--skip-serve-logs")
        return Process(name, machine.command(*arguments), self.folder, self._settings(machine))

    def processes(self) -> list[Process]:
        """All but OpenSearch, in the order of a start."""
        servers = [self.servers.postgres, self.servers.redis, self.servers.store]
        return [*servers, *map(self.services.process, SERVICES), *map(self.worker, WORKERS)]

    def stop(self) -> None:
        """The data are kept."""
        stop_all(self.folder)
        stop_all(self.folder / "servers")
        stop(self.folder / "opensearch")

    def _settings(self, machine: Machine) -> dict[str, str]:
        server = {"host": self.opensearch.host, "port": self.opensearch.port}
        airflow = environment(machine.code, self.head.home, server) | machine.settings()
        celery = {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(len(WORKERS) * TASKS_AT_ONCE),
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(TASKS_AT_ONCE),
            # Beside them all on one machine a process that answers slowly is not a lost one.
            "OMP_NUM_THREADS": "1",
        }
        return airflow | celery | PATIENCE | self.servers.settings() | {"PATH": os.environ["PATH"]}


def alias_of(name: str) -> str:
    return f"many-{name}"


def dag_of(name: str) -> str:
    return f"sparse_index__{name}"


def _corpus(name: str) -> str:
    return CORPUS.substitute(name=name, bucket=BUCKET, workers=len(WORKERS))
