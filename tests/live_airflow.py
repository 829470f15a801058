"""Airflow's own services at work, driven through the REST API as a person in the UI does it, and stopped at a chosen request.

Airflow reaches OpenSearch through a proxy in this process: a test lets it hold the request that opens the window it needs
("in mid-encode"), does its mischief, and lets the request go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from faulty_proxy import Fault, FaultyProxy, Seen, no_fault
from local_airflow.api import AirflowApi
from local_airflow.services import Services
from promises import Documents, check_promises, leaves_no_trace
from real_builds import MODEL_ZIP, documents
from real_day import DEMO, names_of
from sparse_index.cluster import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.load import load_corpus
from sparse_index.ml.sources import local_zip
from sparse_index.pipeline import run
from sparse_index.plan.model import Plan, RunRequest, load_plan
from sparse_index.store import Store

DEADLINE_S = 300.0
POLL_S = 0.3
MODEL = "live-sparse"
TEARDOWNS = ("undeploy_model", "delete_model", "delete_model_group")
TWO_PARTS = 2_004

Request = Callable[[Seen], bool]


def _ends_with(words: str) -> Request:
    return lambda seen: seen.path.partition("?")[0].endswith(words)


def _contains(method: str, words: str) -> Request:
    return lambda seen: seen.method == method and words in seen.path


def _searches_a_candidate(seen: Seen) -> bool:
    return "--b" in seen.path and _ends_with("/_search")(seen)


def _switches_the_alias(seen: Seen) -> bool:
    return seen.verb == "_aliases" and b"is_write_index" in seen.body


# What a task asks that no other asks before it.
STAGES: Mapping[str, Request] = {
    "register_model": _ends_with("/models/_register"),
    "wait_registered": _contains("GET", "/_ml/tasks/"),
    "deploy_model": _ends_with("/_deploy"),
    "wait_deployed": _contains("GET", "/_ml/profile/models/"),
    "encode": _contains("POST", "/_predict/"),
    "prepare_candidate": _contains("PUT", "--b"),
    "index": _ends_with("/_bulk"),
    "reconcile": _ends_with("/_refresh"),
    "gate": _searches_a_candidate,
    "promote": _switches_the_alias,
}


def until(what: str, seen: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while not (found := seen()):
        if time.monotonic() > deadline:
            pytest.fail(f"not seen within {DEADLINE_S:.0f} s: {what}")
        time.sleep(POLL_S)
    return found


@dataclass
class Hold:
    """Lets every request pass but those that match; they wait until `release`."""

    matches: Request
    reached: Event = field(default_factory=Event)
    released: Event = field(default_factory=Event)

    def __call__(self, seen: Seen) -> Fault:
        if self.matches(seen):
            self.reached.set()
            self.released.wait(DEADLINE_S)
        return Fault.NONE

    def wait_until_reached(self) -> None:
        assert self.reached.wait(DEADLINE_S), "the request to be held did not come"

    def release(self) -> None:
        self.released.set()


@dataclass(frozen=True)
class LiveRun:
    """One run, as the UI shows it, and what its buttons do."""

    api: AirflowApi
    dag_id: str
    run_id: str

    def state(self) -> str:
        return self.api.run_state(self.dag_id, self.run_id)

    def tasks(self) -> dict[str, dict[str, Any]]:
        """Task id, with the index of a mapped one (`encode[0]`), -> its instance."""
        found = self.api.task_instances(self.dag_id, self.run_id)
        return {_label(task["task_id"], task["map_index"]): task for task in found}

    def states(self) -> dict[str, str]:
        return {label: task["state"] for label, task in self.tasks().items()}

    def runs(self, label: str) -> None:
        """Waits until that task is at work."""
        until(f"{label} at work", lambda: self.states().get(label) == "running")

    def ends(self) -> str:
        """Waits for the end; gives the state."""
        until(f"the end of {self.run_id}", lambda: self.state() in ("success", "failed"))
        return self.state()

    def mark_failed(self, task_id: str | None = None, map_index: int = -1) -> None:
        """The run, or one of its tasks."""
        run = f"/dags/{self.dag_id}/dagRuns/{self.run_id}"
        if task_id is None:
            self.api.patch(run, {"state": "failed"})
        else:
            self.api.patch(f"{run}/taskInstances/{task_id}/{map_index}", {"new_state": "failed"})

    def clear(self, *tasks: str | tuple[str, int], only_failed: bool) -> None:
        """Of these tasks with downstream, or of the whole run; `only_failed` is the dialog's default."""
        body: dict[str, Any] = {"dag_run_id": self.run_id, "dry_run": False, "only_failed": only_failed}
        chosen = {"task_ids": tasks, "include_downstream": True} if tasks else {}
        self.api.post(f"/dags/{self.dag_id}/clearTaskInstances", body | chosen)

    def said(self, label: str) -> str:
        """What a failed task left as its reason."""
        task = self.tasks()[label]
        path = f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{task['task_id']}/xcomEntries/error"
        return str(self.api.get(path, map_index=task["map_index"])["value"])

    def plan(self) -> Plan:
        where = self.api.xcom(self.dag_id, self.run_id, "plan_changes", -1)
        return load_plan(Store(where["store"]), where["plan"])


def _label(task_id: str, map_index: int) -> str:
    return task_id if map_index < 0 else f"{task_id}[{map_index}]"


@dataclass(frozen=True)
class LiveCorpus:
    """Short texts, an alias and a store of their own; its DAG is there from the beginning."""

    name: str
    folder: Path

    @property
    def alias(self) -> str:
        return f"live-{self.name}"

    @property
    def dag_id(self) -> str:
        return f"sparse_index__{self.name}"

    @property
    def config(self) -> CorpusConfig:
        return load_corpus(self._file)

    @property
    def store(self) -> Store:
        return Store(self.config.store)

    @property
    def _file(self) -> Path:
        return self.folder / "corpora" / f"{self.name}.yaml"

    def configure(self, **model: Any) -> None:
        """`model` replaces what the configuration says of it: a file on the server's own disk, registered by its URL."""
        url = {"url": f"file://{MODEL_ZIP}", "sha256": local_zip(str(MODEL_ZIP)).sha256}
        about = {"source": "url", "name": MODEL, "version": "1.0.0"}
        config = {
            "alias": self.alias,
            "store": str(self.folder / "stores" / self.name),
            "owner": "test",
            "schedule": None,
            "cluster_settings": "ensure",
            "source": {"uri": str(self.folder / f"{self.name}.parquet"), "id_column": "id", "text_template": "{text}"},
            "encoder": {"model": about | (model or url), "docs_per_request": 32, "chunk_docs": 64},
            "index": {"replicas": 0},
            "limits": {"max_changed_share": 1},
        }
        self._file.parent.mkdir(exist_ok=True)
        self._file.write_text(yaml.safe_dump(config))

    def write(self, rows: int, mark: str) -> None:
        """`mark` is in every text: with another one every text must be encoded anew."""
        titles = pq.read_table(DEMO / "corpora" / "tickets" / "tickets.parquet")["title"].to_pylist()
        texts = [f"{titles[n % len(titles)]} {n} {mark}" for n in range(rows)]
        table = pa.table({"id": [f"d{n}" for n in range(rows)], "text": texts})
        pq.write_table(table, self.folder / f"{self.name}.parquet")

    def build(self, cluster: Cluster) -> None:
        """What a run does, without Airflow."""
        _build(cluster, self.config)

    def undisturbed(self, cluster: Cluster) -> Documents:
        """What one build of the corpus as it is puts into an index, without Airflow and from nothing."""
        changes = {"alias": f"{self.alias}-undisturbed", "store": f"{self.config.store}-undisturbed"}
        config = self.config.model_copy(update=changes)
        _build(cluster, config)
        return documents(cluster, config.alias)


def _build(cluster: Cluster, config: CorpusConfig) -> None:
    run(cluster, config, Store(config.store), RunRequest(run_id="by-hand", data_date=datetime.now(UTC).date()))


@dataclass(frozen=True)
class LiveAirflow:
    """The services, how to reach them, and what they work on. `cluster`: OpenSearch without the proxy."""

    api: AirflowApi
    services: Services
    proxy: FaultyProxy
    cluster: Cluster
    corpora: Mapping[str, LiveCorpus]

    def trigger(self, corpus: LiveCorpus, **params: Any) -> LiveRun:
        return LiveRun(self.api, corpus.dag_id, self.api.trigger(corpus.dag_id, params, datetime.now(UTC)))

    @contextmanager
    def holding(self, matches: Request) -> Iterator[Hold]:
        hold = Hold(matches)
        self.proxy.decide = hold
        try:
            yield hold
        finally:
            hold.release()
            self.proxy.decide = no_fault

    def kill(self, *services: str) -> None:
        """SIGKILL to them and to all they started, running tasks too."""
        for name in services:
            self.services.kill(name)

    def start_again(self) -> None:
        self.services.start()
        for corpus in self.corpora.values():
            self.api.wait_until_ready(corpus.dag_id)

    def ended_well(self, corpus: LiveCorpus, run: LiveRun, expected: Documents | None = None) -> None:
        assert run.ends() == "success", run.states()
        check_promises(self.cluster, corpus.store, run.plan(), expected)
        self._no_model()

    def ended_failed(self, run: LiveRun) -> None:
        """The run is red, its teardowns have run, and nothing of it is left but, perhaps, one candidate."""
        assert run.ends() == "failed", run.states()
        states = run.states()
        assert {states[task] for task in TEARDOWNS} == {"success"}, states
        assert states["receipt"] == "failed", states
        leaves_no_trace(self.cluster, run.plan())
        self._no_model()

    def _no_model(self) -> None:
        assert names_of(self.cluster, "models", MODEL) == [], "P6: a model is left over"
