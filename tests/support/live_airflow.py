"""Airflow's own services at work, driven through the REST API as a person in the UI does it, and stopped at a chosen request.

Airflow reaches OpenSearch through a proxy in this process: a test lets it hold the request that opens the window it needs
("in mid-encode"), does its mischief, and lets the request go on.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest

from faulty_proxy import Decide, Fault, FaultyProxy, Seen, no_fault
from live_corpora import MODEL, LiveCorpus, Request
from local_airflow.api import AirflowApi
from local_airflow.services import Services
from promises import Documents, check_promises, leaves_no_trace
from real_day import names_of
from sparse_index.builds.plan import Plan, load_plan
from sparse_index.cluster.client import Cluster
from sparse_index.store.files import Store

DEADLINE_S = 300.0
POLL_S = 0.3
TEARDOWNS = ("undeploy_model", "delete_model", "delete_model_group")


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

    def progress(self, task_id: str, map_index: int) -> str:
        """What a task says of itself, also while it runs."""
        path = f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{task_id}/state-store"
        return str(self.api.get(path, map_index=map_index))

    def log(self, label: str) -> list[dict[str, Any]]:
        """The entries of the task's last attempt, as the UI gets them."""
        task = self.tasks()[label]
        path = f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        content: list[dict[str, Any]] = self.api.get(path, map_index=task["map_index"], full_content=True)["content"]
        return content

    def clear(self, *tasks: str | tuple[str, int], only_failed: bool) -> None:
        """Of these tasks with downstream, or of the whole run; `only_failed` is the dialog's default."""
        body: dict[str, Any] = {"dag_run_id": self.run_id, "dry_run": False, "only_failed": only_failed}
        chosen = {"task_ids": tasks, "include_downstream": True} if tasks else {}
        self.api.post(f"/dags/{self.dag_id}/clearTaskInstances", body | chosen)
        until("the cleared run at work", lambda: self.state() in ("queued", "running"))

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
    def asked(self, decide: Decide) -> Iterator[None]:
        """Inside the block `decide` is asked about each request to OpenSearch."""
        self.proxy.decide = decide
        try:
            yield
        finally:
            self.proxy.decide = no_fault

    @contextmanager
    def holding(self, matches: Request) -> Iterator[Hold]:
        hold = Hold(matches)
        with self.asked(hold):
            try:
                yield hold
            finally:
                hold.release()

    def deadline_passes(self, run: LiveRun) -> None:
        """The clock of a run whose time is up, without an hour's wait: its deadline is moved in Airflow's database."""
        late = "UPDATE deadline SET deadline_time = '2026-01-01 00:00:00.000000' WHERE dagrun_id IN "
        with closing(sqlite3.connect(self.services.folder / "airflow.db", timeout=60)) as database, database:
            moved = database.execute(late + "(SELECT id FROM dag_run WHERE run_id = ?)", [run.run_id])
        assert moved.rowcount == 1, "the run has one deadline"

    def kill(self, *services: str) -> None:
        """SIGKILL to them and to all they started, running tasks too."""
        for name in services:
            self.services.process(name).kill()

    def kill_alone(self, service: str) -> None:
        """SIGKILL to the service and not to the tasks that it started: they go on."""
        process = self.services.process(service)
        pid = process.pid
        assert pid is not None, f"{service} does not run"
        os.kill(pid, signal.SIGKILL)
        until(f"the end of the {service}", lambda: process.pid is None)

    def start_again(self) -> None:
        """The API server first: a task that does not reach it fails, and waits for its retry."""
        self.services.process("api-server").start()
        for corpus in self.corpora.values():
            self.api.wait_until_ready(corpus.dag_id)
        self.services.start()

    def ended_well(self, corpus: LiveCorpus, run: LiveRun, expected: Documents | None = None) -> None:
        assert run.ends() == "success", run.states()
        self.keeps_promises(corpus, run, expected)

    def keeps_promises(self, corpus: LiveCorpus, run: LiveRun, expected: Documents | None = None) -> None:
        check_promises(self.cluster, corpus.store, run.plan(), expected)
        self._no_model()

    def ended_failed(self, run: LiveRun) -> None:
        """The run is red, its teardowns have run, and nothing of it is left but, perhaps, one candidate."""
        assert run.ends() == "failed", run.states()
        states = run.states()
        assert {states[task] for task in TEARDOWNS} == {"success"}, states
        assert states["receipt"] == "failed", states
        assert "Nothing is untidy" in run.said("receipt")
        leaves_no_trace(self.cluster, run.plan())
        self._no_model()

    def _no_model(self) -> None:
        assert names_of(self.cluster, "models", MODEL) == [], "P6: a model is left over"
