"""Waits: for this run's turn, for a registration, for a deployment."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.exceptions import AirflowSensorTimeout, TaskDeferralError

from opensearch_ml.failures import retried_only_if_useful
from opensearch_ml.opened import Build, open_build
from opensearch_ml.params import run_request
from opensearch_ml.runs import run_state
from opensearch_ml.triggers import ModelWaitTrigger
from opensearch_ml.turns import APPROVE, DAY, PASSED_AT, PROMOTE, named, turn_holders, waiting_before
from sparse_index.config.airflow_rules import LONGEST_APPROVAL_H
from sparse_index.errors import BuildError, ModelError, UnavailableError

if TYPE_CHECKING:
    from sparse_index.ml.waits import Started, WaitKind
    from sparse_index.ml.watching import Watched

# Longer than a person may take to answer for the run before; a retried task counts on.
LONGEST_TURN = timedelta(hours=LONGEST_APPROVAL_H) + timedelta(days=7)
# Seconds between two looks: of a run whose turn may come at any time, and of one that waits for a person.
SOON, LATER = 10, 300
# The trigger knows its waits' deadlines itself; its last look, at a cluster that does not answer, may take so long.
LAST_LOOK = timedelta(minutes=10)


class TurnSensor(BaseSensorOperator):
    """Lets one run of a DAG at a time pass, until that run's `promote` has ended in whatever way.

    A holder that fails frees itself, because its `promote` becomes upstream_failed. Two runs cannot pass at once:
    `max_active_tis_per_dag` lets one look at a time. `oldest_first`: of those that wait the oldest data date passes first, as an
    older snapshot would be refused. A feed's newest day must not wait for a whole backfill.
    """

    def __init__(self, *, oldest_first: bool, **kwargs: Any) -> None:
        super().__init__(
            mode="reschedule", poke_interval=SOON, timeout=LONGEST_TURN, max_active_tis_per_dag=1, **kwargs
        )
        self.oldest_first = oldest_first

    def execute(self, context: Any) -> Any:
        with retried_only_if_useful(context):
            try:
                return super().execute(context)
            except AirflowSensorTimeout as error:
                raise BuildError(
                    f"It was not this run's turn within {LONGEST_TURN.days} days: other runs stood between '{self.task_id}' and "
                    f"'{PROMOTE}'. The log names them. Let them end, or end them, then trigger a new run."
                ) from error

    def poke(self, context: Any) -> PokeReturnValue:
        """Gives the seconds of the wait: Airflow counts those of a task's last look only."""
        ti, day = context["ti"], run_request(context).data_date.isoformat()
        ti.xcom_push(DAY, day)
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[ti.task_id, APPROVE, PROMOTE])
        passed = turn_holders(states, own_run=ti.run_id, turn=ti.task_id, until=PROMOTE)
        # One that was cleared may stay queued until this one has ended; if it begins late, `require_own_turn` stops it.
        holders = [run_id for run_id in passed if run_state(context, ti.dag_id, run_id) != "queued"]
        asked = any(states[run_id].get(APPROVE) == "awaiting_input" for run_id in holders)
        self.poke_interval = LATER if asked else SOON
        if holders:
            self.log.info("Waiting for %s to end its '%s'.", named(holders, states), PROMOTE)
            return PokeReturnValue(is_done=False)
        before = waiting_before(ti, states, day) if self.oldest_first else []
        if before:
            self.log.info("Letting %s go first: the data are of an older day.", ", ".join(before))
            return PokeReturnValue(is_done=False)
        ti.xcom_push(PASSED_AT, datetime.now(UTC).isoformat())
        began = ti.get_first_reschedule_date(context)
        waited_s = 0.0 if began is None else (datetime.now(UTC) - began).total_seconds()
        self.log.info("It is this run's turn, after %.0f s: no other run will move the alias until it has.", waited_s)
        return PokeReturnValue(is_done=True, xcom_value=waited_s)


class ModelWaitSensor(BaseSensorOperator):
    """Polls in place for `patience_s`, because small models are ready in seconds, then defers until the deadline.

    All models of the build at once; gives their ids by the encoder's fingerprint. For a model that was given there is nothing
    to wait for: preflight has asked whether it answers.
    """

    template_fields = ("started",)
    kind: ClassVar[WaitKind]

    def __init__(
        self,
        *,
        started: dict[str, dict[str, Any]],
        patience_s: float = 12.0,
        poke_interval: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.started = started
        self.patience_s = patience_s

    def start_again(self, build: Build, watched: Watched, refused: Sequence[str]) -> dict[str, Started]:
        """Ask for the same once more, for the encoders in `refused`."""
        raise NotImplementedError

    def execute(self, context: Any) -> dict[str, str]:
        from sparse_index.ml.waits import Started
        from sparse_index.ml.watching import watch

        with retried_only_if_useful(context), open_build(context) as build:
            started = {fingerprint: Started(**each) for fingerprint, each in self.started.items()}
            watched = self._asked(build, build.models.watched(self.kind, started, now=time.time()))
            watched = watch(build.cluster, watched, patience_s=self.patience_s, poll_s=self.poke_interval)
            if not watched.is_over:
                self.log.info("Not yet, so the triggerer goes on waiting. %s.", watched.in_words)
                self._defer(build.plan.config.connection, watched)
            return self._ended(watched, context)

    def _ended(self, watched: Watched, context: Any) -> dict[str, str]:
        model_ids = watched.model_ids()
        seconds = (datetime.now(UTC) - context["ti"].start_date).total_seconds()
        self.log.info("Waited %.0f s. %s.", seconds, watched.in_words)
        return model_ids

    def _asked(self, build: Build, watched: Watched) -> Watched:
        """What was started, or its repetition: a breaker that was open when it was asked for may have closed since, another run's
        model that took the place may be gone."""
        from sparse_index.ml.watching import look_at

        seen = look_at(build.cluster, watched, time.time()).seen
        refused = [fingerprint for fingerprint, status in seen.items() if status.refused]
        if not refused:
            return watched
        self.log.warning("%s. Asking for it again.", "; ".join(seen[each].detail for each in refused))
        again = build.models.watched(self.kind, self.start_again(build, watched, refused), now=time.time())
        return watched.model_copy(update={"waits": {**watched.waits, **again.waits}})

    def _defer(self, conn_id: str, watched: Watched) -> NoReturn:
        trigger = ModelWaitTrigger(conn_id=conn_id, watched=watched.model_dump(mode="json"))
        left = timedelta(seconds=max(wait.deadline_at for wait in watched.waits.values()) - time.time())
        self.defer(trigger=trigger, method_name="resume", timeout=left + LAST_LOOK)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Also where the trigger itself has failed, or nobody has run it: then no method of ours is called."""
        with retried_only_if_useful(context):
            try:
                return super().resume_execution(next_method, next_kwargs, context)
            except AirflowSensorTimeout as error:
                raise ModelError(
                    f"No triggerer said anything until the deadline to {self.kind} was over. See that one runs (airflow "
                    "triggerer), then trigger a new run."
                ) from error
            except TaskDeferralError as error:
                *_, said = (next_kwargs or {}).get("traceback") or [str(error)]
                raise UnavailableError(
                    f"The triggerer, which needs what the workers have, could not wait for the model: {said.strip()}"
                ) from error

    def resume(self, context: Any, event: Any) -> dict[str, str]:
        """The models' ids, from the trigger's event; it crossed processes and versions, so it is validated."""
        from sparse_index.ml.watching import Watched

        try:
            watched = Watched.model_validate(event)
        except ValueError as error:
            raise ModelError(f"The trigger's event tells of no waits: {event!r}. Trigger a new run.") from error
        if not watched.is_over:
            raise ModelError(f"The trigger stopped before its waits were over: {event!r}. Trigger a new run.")
        return self._ended(watched, context)


class RegistrationSensor(ModelWaitSensor):
    """Waits until the models are registered; gives their ids."""

    kind = "register"

    def start_again(self, build: Build, watched: Watched, refused: Sequence[str]) -> dict[str, Started]:
        return build.models.only(refused).register(build.cluster, build.models.create_group(build.cluster))


class DeploymentSensor(ModelWaitSensor):
    """Waits until the models are deployed on every node they should be on; gives their ids."""

    kind = "deploy"

    def start_again(self, build: Build, watched: Watched, refused: Sequence[str]) -> dict[str, Started]:
        model_ids = {fingerprint: str(watched.waits[fingerprint].model_id) for fingerprint in refused}
        return build.models.only(refused).deploy(build.cluster, model_ids)
