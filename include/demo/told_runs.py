"""Runs of one DAG, told as they happen: each task when it has ended, with documents per second where it has any."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_airflow.api import AirflowApi

ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
POLL_S = 1.0
RUN_DEADLINE_S = 1800.0


@dataclass(frozen=True)
class ToldRuns:
    """The runs of the DAG `dag_id`."""

    api: AirflowApi
    dag_id: str

    def follow(self, run_id: str) -> bool:
        """Print each task as it ends, until the run has; says whether it succeeded."""
        started, told = time.monotonic(), set[tuple[str, int]]()
        while (state := self.api.run_state(self.dag_id, run_id)) not in ("success", "failed"):
            self._tell(run_id, told)
            if time.monotonic() - started > RUN_DEADLINE_S:
                raise TimeoutError(f"Run {run_id} is still {state} after {RUN_DEADLINE_S:.0f} s. Look at it in the UI.")
            time.sleep(POLL_S)
        self._tell(run_id, told)
        receipt = self.api.xcom(self.dag_id, run_id, "receipt", -1)
        print(f"  run {run_id}: {state} in {time.monotonic() - started:.0f} s. {(receipt or {}).get('summary', '')}")
        return state == "success"

    def _tell(self, run_id: str, told: set[tuple[str, int]]) -> None:
        ended = [task for task in self.api.task_instances(self.dag_id, run_id) if task["state"] in ENDED]
        for task in sorted(ended, key=lambda task: task["end_date"] or ""):
            key = task["task_id"], task["map_index"]
            if key not in told:
                told.add(key)
                seconds = f"{task['duration'] or 0:>7.1f} s"
                print(f"  {_name(task):<46}{task['state']:<10}{seconds}  {self._speed(run_id, task)}")

    def _speed(self, run_id: str, task: Mapping[str, Any]) -> str:
        """Documents per second of an encode or index task, from what it returned."""
        counted = {"encode": "encoded", "index": "indexed"}.get(task["task_id"])
        if counted is None or task["state"] != "success":
            return ""
        result = self.api.xcom(self.dag_id, run_id, task["task_id"], task["map_index"]) or {}
        seconds = result.get("seconds") or 0
        return f"{result[counted]:,} documents, {result[counted] / seconds:,.0f}/s" if seconds else ""


def _name(task: Mapping[str, Any]) -> str:
    label = task.get("rendered_map_index")
    return f"{task['task_id']} ({label})" if label and task["map_index"] >= 0 else str(task["task_id"])
