"""What the tasks of a run did and left in the attempt that goes on, by Airflow's own account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opensearch_ml.failures import ERROR_KEY

if TYPE_CHECKING:
    from sparse_index.builds.ending import Stage


def ended_stages(context: Any) -> list[Stage]:
    """Every task of this run that has ended, each part of a mapped one by itself."""
    from sparse_index.builds.ending import Stage

    ti = context["ti"]
    return [
        Stage(
            name=task["task_id"],
            seconds=task["duration"] or 0.0,
            done=task["state"] == "success",
            failure=_message(context, task) if task["state"] == "failed" else None,
            part=task["map_index"] if task["map_index"] >= 0 else None,
        )
        for task in ti.get_task_breadcrumbs(dag_id=ti.dag_id, run_id=ti.run_id)
    ]


def _message(context: Any, task: Mapping[str, Any]) -> str:
    said = context["ti"].xcom_pull(task_ids=task["task_id"], map_indexes=task["map_index"], key=ERROR_KEY)
    return str(said or "no reason was left; see its log")


def has_worked(task: str, stages: Sequence[Stage]) -> bool:
    """Whether it began in this attempt of the run: of one that was cleared, and has not begun since, Airflow still gives what the
    former attempt left."""
    return any(stage.name == task and (stage.done or stage.failure is not None) for stage in stages)


def left_by(task: str, stages: Sequence[Stage], context: Any, key: str = "return_value") -> Any:
    """What the task left in this attempt of the run."""
    return context["ti"].xcom_pull(task_ids=task, key=key) if has_worked(task, stages) else None


def failed_tasks(context: Any) -> Iterator[str]:
    """Names of those of the run that have failed, each once, the first of the run first; this task's own is not among them."""
    from sparse_index.builds.stages import in_order

    ti = context["ti"]
    tasks = ti.get_task_breadcrumbs(dag_id=ti.dag_id, run_id=ti.run_id)
    failed = (task["task_id"] for task in tasks if task["state"] == "failed")
    return iter(in_order(dict.fromkeys(name for name in failed if name != ti.task_id)))
