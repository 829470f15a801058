"""What the receipt's task makes of Airflow's own account of a run."""

from __future__ import annotations

from types import SimpleNamespace

from opensearch_ml.operators.receipt import ended_stages
from sparse_index.builds.ending import Stage

SAID = {("encode", 1): "the model is gone"}


def task(task_id: str, state: str, map_index: int = -1, duration: float | None = 2.0) -> dict[str, object]:
    return {"task_id": task_id, "map_index": map_index, "state": state, "duration": duration}


def test_tasks_become_stages_with_their_parts_and_what_they_said() -> None:
    tasks = [
        task("preflight", "success"),
        task("encode", "success", 0),
        task("encode", "failed", 1),
        task("turn", "failed"),
        task("promote", "upstream_failed", duration=None),
    ]
    ti = SimpleNamespace(
        dag_id="d",
        run_id="r",
        get_task_breadcrumbs=lambda dag_id, run_id: tasks,
        xcom_pull=lambda task_ids, map_indexes, key: SAID.get((task_ids, map_indexes)),
    )
    assert ended_stages({"ti": ti}) == [
        Stage("preflight", 2.0),
        Stage("encode", 2.0, part=0),
        Stage("encode", 2.0, done=False, failure="the model is gone", part=1),
        Stage("turn", 2.0, done=False, failure="no reason was left; see its log"),
        Stage("promote", 0.0, done=False),
    ]
