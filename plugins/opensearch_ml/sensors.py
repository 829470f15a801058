"""Waits: for this run's turn, for a registration, for a deployment."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator

from opensearch_ml.failures import retried_only_if_useful
from opensearch_ml.operators.base import PLAN_TASK, Build, open_build
from opensearch_ml.triggers import ModelWaitTrigger
from sparse_index.errors import ModelError

_PROMOTE_ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


class TurnSensor(BaseSensorOperator):
    """Lets one run of a DAG at a time pass, until that run's task `until` has ended in whatever way.

    A holder that fails frees itself, because its `until` task becomes upstream_failed. Two runs cannot pass at once:
    `max_active_tis_per_dag` lets one look at a time.
    """

    template_fields = ("until",)

    def __init__(self, *, until: str, **kwargs: Any) -> None:
        super().__init__(**{"mode": "reschedule", "poke_interval": 10, "max_active_tis_per_dag": 1} | kwargs)
        self.until = until

    def poke(self, context: Any) -> bool:
        ti = context["ti"]
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[ti.task_id, self.until])
        holders = turn_holders(states, own_run=ti.run_id, turn=ti.task_id, until=self.until)
        if holders:
            self.log.info("Waiting for %s to end its '%s'.", ", ".join(holders), self.until)
        return not holders


def turn_holders(states: dict[str, dict[str, str | None]], *, own_run: str, turn: str, until: str) -> list[str]:
    """The other runs that passed `turn` and have not ended `until`; `states` is run id -> task id -> state."""
    return [
        run_id
        for run_id, tasks in states.items()
        if run_id != own_run and tasks.get(turn) == "success" and tasks.get(until) not in _PROMOTE_ENDED
    ]


class ModelWaitSensor(BaseSensorOperator):
    """Polls in place for a short while, because small models are ready in seconds, then defers."""

    template_fields = ("plan_task_id", "started")

    def __init__(
        self, *, started: dict[str, Any], plan_task_id: str = PLAN_TASK, patience_s: float = 12.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.started = started
        self.plan_task_id = plan_task_id
        self.patience_s = patience_s


class RegistrationSensor(ModelWaitSensor):
    """Waits until the model is registered; gives its id."""


class DeploymentSensor(ModelWaitSensor):
    """Waits until the model is deployed; gives its id."""
