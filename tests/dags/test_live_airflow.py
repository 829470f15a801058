"""A run marked failed in mid-encode, on Airflow's own services: what `dag.test()` cannot show.

The UI's "mark failed" kills the workers and starts the teardowns at the same moment; a teardown that is its run's only
leaf would turn the run into a success.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from local_airflow.api import AirflowApi
from local_airflow.services import Services
from local_airflow.settings import environment, login_of
from local_cluster import LocalCluster
from real_day import DEMO, RealDay

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

DAG_ID = "sparse_index__live"
TEARDOWNS = {"undeploy_model", "delete_model", "delete_model_group"}
COPIES = 10  # of the demo corpus: minutes of encoding, so that it can be stopped in the middle
DEADLINE_S = 120.0


@pytest.fixture
def live(day: RealDay, plain_server: LocalCluster, root: Path, tmp_path: Path) -> Iterator[AirflowApi]:
    """Airflow's four services with one corpus that takes minutes to encode; only a trigger starts a run."""
    write_long_corpus(day)
    home = tmp_path / "airflow"
    settings = environment(root, home, {"host": plain_server.host, "port": plain_server.port})
    services = Services(home, settings | {"SPARSE_INDEX_CORPORA": str(day.folder / "corpora")})
    services.prepare()
    services.start()
    try:
        api = AirflowApi(login_of(home))
        api.wait_until_ready(DAG_ID)
        yield api
    finally:
        services.stop()


def write_long_corpus(day: RealDay) -> None:
    tickets = pq.read_table(DEMO / "corpora" / "tickets" / "tickets.parquet", columns=["id", "title", "body"])
    copies = [
        tickets.set_column(0, "id", pc.binary_join_element_wise(tickets["id"], str(n), "-")).set_column(
            1, "title", pc.binary_join_element_wise(tickets["title"], str(n), " ")
        )
        for n in range(COPIES)
    ]
    pq.write_table(pa.concat_tables(copies), day.folder / "corpus.parquet")
    day.config["encoder"]["chunk_docs"] = 64
    (day.folder / "corpora" / "live.yaml").write_text(yaml.safe_dump(day.config | {"schedule": None}))


def until(what: str, seen: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while not (found := seen()):
        if time.monotonic() > deadline:
            pytest.fail(f"not seen within {DEADLINE_S:.0f} s: {what}")
        time.sleep(0.5)
    return found


class LiveRun:
    """One run, as the REST API shows it."""

    def __init__(self, api: AirflowApi) -> None:
        self.api, self.run_id = api, api.trigger(DAG_ID)

    def ended(self) -> bool:
        return self.api.run_state(DAG_ID, self.run_id) in ("success", "failed")

    def states(self) -> dict[str, str]:
        return {task["task_id"]: task["state"] for task in self.api.task_instances(DAG_ID, self.run_id)}

    def progress(self) -> list[Any]:
        """What the encode parts say of themselves while they run."""
        path = f"/dags/{DAG_ID}/dagRuns/{self.run_id}/taskInstances/encode/state-store"
        parts = [task for task in self.api.task_instances(DAG_ID, self.run_id) if task["task_id"] == "encode"]
        return [self.api.get(path, map_index=part["map_index"]) for part in parts if part["map_index"] >= 0]

    def mark_failed(self) -> None:
        self.api.patch(f"/dags/{DAG_ID}/dagRuns/{self.run_id}", {"state": "failed"})

    def clear_only_failed(self) -> None:
        body = {"dag_run_id": self.run_id, "dry_run": False, "only_failed": True}
        self.api.post(f"/dags/{DAG_ID}/clearTaskInstances", body)

    def said(self, task_id: str, map_index: int = -1) -> str:
        path = f"/dags/{DAG_ID}/dagRuns/{self.run_id}/taskInstances/{task_id}/xcomEntries/error"
        return str(self.api.get(path, map_index=map_index)["value"])


def test_a_run_marked_failed_while_encoding_ends_failed_and_leaves_nothing(day: RealDay, live: AirflowApi) -> None:
    run = LiveRun(live)
    until("a finished chunk of vectors", lambda: [*(day.folder / "store" / "vectors").rglob("*.parquet")])
    assert any("progress" in str(part) for part in run.progress())
    assert day.left_behind()["models"], "the model is there while texts are encoded"

    run.mark_failed()
    until("the end of the marked run", run.ended)
    states = run.states()
    assert live.run_state(DAG_ID, run.run_id) == "failed"
    assert {states[task_id] for task_id in TEARDOWNS} == {"success"}, states
    assert (states["receipt"], states["promote"]) == ("failed", "skipped")
    assert "Nothing is untidy" in run.said("receipt")
    assert day.left_behind() == {"models": [], "groups": [], "candidates": []}

    run.clear_only_failed()
    until("the cleared run at work", lambda: not run.ended())
    until("the end of the cleared run", run.ended)
    assert live.run_state(DAG_ID, run.run_id) == "failed"
    assert "trigger a new run" in run.said("encode", 0)
    assert day.left_behind() == {"models": [], "groups": [], "candidates": []}
