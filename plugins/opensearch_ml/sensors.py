"""Waits: for this run's turn, for a registration, for a deployment."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseSensorOperator

from opensearch_ml.failures import retried_only_if_useful
from opensearch_ml.opened import PLAN_TASK, Build, open_build
from opensearch_ml.triggers import ModelWaitTrigger
from opensearch_ml.turns import turn_holders
from sparse_index.errors import ModelError

if TYPE_CHECKING:
    from sparse_index.config.encoder import EncoderConfig
    from sparse_index.ml.waits import Verdict, Wait


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

    def __init__(
        self, *, started: dict[str, Any], plan_task_id: str = PLAN_TASK, patience_s: float = 12.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.started = started
        self.plan_task_id = plan_task_id
        self.patience_s = patience_s

    def wait(self, encoder: EncoderConfig) -> Wait:
        """What to wait for, with its deadline."""
        raise NotImplementedError

    def start_again(self, build: Build, wait: Wait) -> dict[str, Any]:
        """Ask for the same once more; gives what `started` holds."""
        raise NotImplementedError

    def execute(self, context: Any) -> str:
        from sparse_index.ml.waits import settled

        with retried_only_if_useful(context), open_build(context, self.plan_task_id) as build:
            given = build.plan.config.encoder.given_model_id
            if given:
                return given
            wait = self._asked(build)
            verdict = self._poll_in_place(build, wait)
            if verdict.state == "waiting":
                self._defer(build.plan.config.connection, wait, verdict)
            return settled(wait, verdict)

    def _asked(self, build: Build) -> Wait:
        """What was started, or its repetition: a breaker that was open when it was asked for may have closed since."""
        from sparse_index.ml.waits import look

        wait = self.wait(build.plan.config.encoder)
        verdict = look(build.cluster, wait, None, time.time())
        if not verdict.refused:
            return wait
        self.log.warning("%s. Asking for it again.", verdict.detail)
        return wait.model_copy(update=self.start_again(build, wait))

    def _poll_in_place(self, build: Build, wait: Wait) -> Verdict:
        from sparse_index.ml.waits import POLL_S, look

        patience_ends = time.monotonic() + self.patience_s
        verdict = look(build.cluster, wait, None, time.time())
        while verdict.state == "waiting" and time.monotonic() < patience_ends:
            time.sleep(POLL_S)
            verdict = look(build.cluster, wait, verdict.memory, time.time())
        self.log.info("%s", verdict.detail)
        return verdict

    def _defer(self, conn_id: str, wait: Wait, verdict: Verdict) -> NoReturn:
        asked = wait.model_dump(mode="json")
        memory = verdict.memory.model_dump(mode="json") if verdict.memory else None
        trigger = ModelWaitTrigger(conn_id=conn_id, wait=asked, memory=memory)
        self.defer(trigger=trigger, method_name="resume", kwargs={"wait": asked})

    def resume(self, context: Any, event: Any, wait: dict[str, Any]) -> str:
        """The model's id, from the trigger's event; it crossed processes and versions, so it is validated."""
        from sparse_index.ml.waits import Verdict, Wait, settled

        with retried_only_if_useful(context):
            try:
                verdict = Verdict.model_validate(event)
            except ValueError as error:
                raise ModelError(f"The trigger's event is not a verdict: {event!r}. Trigger a new run.") from error
            self.log.info("%s", verdict.detail)
            return settled(Wait.model_validate(wait), verdict)


class RegistrationSensor(ModelWaitSensor):
    """Waits until the model is registered; gives its id."""

    def wait(self, encoder: EncoderConfig) -> Wait:
        from sparse_index.ml.waits import wait_for

        return wait_for("register", encoder.register_deadline_s, now=time.time(), **self.started)

    def start_again(self, build: Build, wait: Wait) -> dict[str, Any]:
        plan = build.plan
        group_id = build.hook.create_model_group(plan.group, f"Build {plan.build_id} of search index '{plan.alias}'")
        return asdict(build.hook.register_model(plan.config.encoder, group_id, plan.group))


class DeploymentSensor(ModelWaitSensor):
    """Waits until the model is deployed on every node it should be on; gives its id."""

    def wait(self, encoder: EncoderConfig) -> Wait:
        from sparse_index.ml.waits import wait_for

        return wait_for("deploy", encoder.deploy_deadline_s, now=time.time(), **self.started)

    def start_again(self, build: Build, wait: Wait) -> dict[str, Any]:
        return {"task_id": build.hook.deploy_model(str(wait.model_id))}
