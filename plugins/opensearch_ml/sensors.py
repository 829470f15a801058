"""Waits: for this run's turn, for a registration, for a deployment."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.sdk import BaseSensorOperator

from opensearch_ml.failures import retried_only_if_useful
from opensearch_ml.opened import PLAN_TASK, Build, open_build
from opensearch_ml.triggers import ModelWaitTrigger
from opensearch_ml.turns import turn_holders
from sparse_index.errors import ModelError

if TYPE_CHECKING:
    from sparse_index.ml.waits import Started, Verdict, Wait, WaitKind


class TurnSensor(BaseSensorOperator):
    """Lets one run of a DAG at a time pass, until that run's task `until` has ended in whatever way.

    A holder that fails frees itself, because its `until` task becomes upstream_failed. Two runs cannot pass at once:
    `max_active_tis_per_dag` lets one look at a time.
    """

    template_fields = ("until",)

    def __init__(self, *, until: str, **kwargs: Any) -> None:
        super().__init__(mode="reschedule", poke_interval=10, max_active_tis_per_dag=1, **kwargs)
        self.until = until

    def poke(self, context: Any) -> bool:
        ti = context["ti"]
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[ti.task_id, self.until])
        holders = turn_holders(states, own_run=ti.run_id, turn=ti.task_id, until=self.until)
        if holders:
            self.log.info("Waiting for %s to end its '%s'.", ", ".join(holders), self.until)
        return not holders


class ModelWaitSensor(BaseSensorOperator):
    """Polls in place for `patience_s`, because small models are ready in seconds, then defers until the deadline.

    For a model that was given there is nothing to wait for: preflight has asked whether it answers.
    """

    template_fields = ("plan_task_id", "started")
    kind: ClassVar[WaitKind]

    def __init__(
        self,
        *,
        started: dict[str, Any],
        plan_task_id: str = PLAN_TASK,
        patience_s: float = 12.0,
        poke_interval: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.started = started
        self.plan_task_id = plan_task_id
        self.patience_s = patience_s

    def start_again(self, build: Build, wait: Wait) -> Started:
        """Ask for the same once more."""
        raise NotImplementedError

    def execute(self, context: Any) -> str:
        from sparse_index.ml.waits import Started, require_done, watch

        with retried_only_if_useful(context), open_build(context, self.plan_task_id) as build:
            started = Started(**self.started)
            wait = build.life.wait(self.kind, started, now=time.time())
            if wait is None:
                return str(started.model_id)
            wait = self._asked(build, wait)
            verdict = watch(build.cluster, wait, patience_s=self.patience_s, poll_s=self.poke_interval)
            self.log.info("%s", verdict.detail)
            if verdict.state == "waiting":
                self._defer(build.plan.config.connection, wait, verdict)
            return require_done(wait, verdict)

    def _asked(self, build: Build, wait: Wait) -> Wait:
        """What was started, or its repetition: a breaker that was open when it was asked for may have closed since."""
        from sparse_index.ml.waits import look

        verdict = look(build.cluster, wait, None, time.time())
        if not verdict.refused:
            return wait
        self.log.warning("%s. Asking for it again.", verdict.detail)
        return wait.model_copy(update=asdict(self.start_again(build, wait)))

    def _defer(self, conn_id: str, wait: Wait, verdict: Verdict) -> NoReturn:
        asked = wait.model_dump(mode="json")
        memory = verdict.memory.model_dump(mode="json") if verdict.memory else None
        trigger = ModelWaitTrigger(conn_id=conn_id, wait=asked, memory=memory)
        self.defer(trigger=trigger, method_name="resume", kwargs={"wait": asked})

    def resume(self, context: Any, event: Any, wait: dict[str, Any]) -> str:
        """The model's id, from the trigger's event; it crossed processes and versions, so it is validated."""
        from sparse_index.ml.waits import Verdict, Wait, require_done

        with retried_only_if_useful(context):
            try:
                verdict = Verdict.model_validate(event)
            except ValueError as error:
                raise ModelError(f"The trigger's event is not a verdict: {event!r}. Trigger a new run.") from error
            self.log.info("%s", verdict.detail)
            return require_done(Wait.model_validate(wait), verdict)


class RegistrationSensor(ModelWaitSensor):
    """Waits until the model is registered; gives its id."""

    kind = "register"

    def start_again(self, build: Build, wait: Wait) -> Started:
        group_id = build.life.create_group(build.cluster, build.plan.group)
        return build.life.register(build.cluster, group_id)


class DeploymentSensor(ModelWaitSensor):
    """Waits until the model is deployed on every node it should be on; gives its id."""

    kind = "deploy"

    def start_again(self, build: Build, wait: Wait) -> Started:
        return build.life.deploy(build.cluster, str(wait.model_id))
