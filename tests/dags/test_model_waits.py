"""The sensors wait in place for a moment, then defer; the trigger goes on; both speak the core's one verdict."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.sdk.bases.operator import TRIGGER_FAIL_REPR, TriggerFailureReason
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from airflow.triggers.base import TriggerEvent

from ml_verbs import sparse_field
from opensearch_ml import sensors
from opensearch_ml.hooks import OpenSearchMLHook
from opensearch_ml.sensors import DeploymentSensor, ModelWaitSensor, RegistrationSensor
from opensearch_ml.triggers import ModelWaitTrigger
from sparse_index.cluster.client import Json
from sparse_index.config.encoder import EncoderConfig
from sparse_index.errors import AccessError, OverloadedError, TerminalError, UnavailableError
from sparse_index.ml.build_models import build_models

REGISTER = {"kind": "register", "task_id": "t1", "deadline_at": 1.0, "standstill_s": 1.0}
DONE = {"state": "done", "detail": "task t1 COMPLETED", "model_id": "m1"}
MakeSensor = Callable[..., ModelWaitSensor]
EventOf = Callable[..., Json]
CONTEXT = {"ti": SimpleNamespace(xcom_push=lambda key, value: None, start_date=datetime.now(UTC))}


class Answers:
    """Answers each path with the next of its answers; the last one stays. An exception is raised."""

    def __init__(self, **answers: Sequence[Json | Exception]) -> None:
        self.answers = {"task": list(answers.get("task", [])), "model": list(answers.get("model", []))}
        self.asked = 0

    def answer(self, path: str) -> Json | None:
        self.asked += 1
        kind = "task" if "/tasks/" in path else "model"
        left = self.answers[kind]
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, TerminalError) and answer.status == 404:
            return None
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeCluster(Answers):
    def find(self, path: str) -> Json | None:
        return self.answer(path)


class FakeAsyncCluster(Answers):
    closed = False

    async def find(self, path: str) -> Json | None:
        return self.answer(path)

    async def close(self) -> None:
        self.closed = True


CREATED, RUNNING = {"state": "CREATED"}, {"state": "RUNNING"}
COMPLETED = {"state": "COMPLETED", "model_id": "m1"}
FAILED = {"state": "FAILED", "error": "model content changed"}


@pytest.fixture
def sensor(monkeypatch: pytest.MonkeyPatch) -> MakeSensor:
    """Makes a registration sensor that sees `cluster`; its waiting costs no time."""
    model = {"source": "pretrained", "name": "a", "version": "1"}
    encoder = EncoderConfig(model=model, register_deadline_s=100.0, deploy_deadline_s=100.0)

    def make(
        cluster: FakeCluster,
        kind: type[ModelWaitSensor] = RegistrationSensor,
        started: Json | None = None,
        others: Json | None = None,
        patience_s: float = 0.05,
        encoder: EncoderConfig = encoder,
    ) -> ModelWaitSensor:
        config = SimpleNamespace(encoder=encoder, connection="search")
        begun = {"f1": started or {"task_id": "t1", "model_id": None}, **(others or {})}
        models = build_models("group", dict.fromkeys(begun, sparse_field(encoder)))
        build = SimpleNamespace(cluster=cluster, plan=SimpleNamespace(config=config), models=models)

        @contextmanager
        def open_build(context: object) -> Iterator[SimpleNamespace]:
            yield build

        monkeypatch.setattr(sensors, "open_build", open_build)
        return kind(task_id="wait", started=begun, patience_s=patience_s, poke_interval=0.01)

    return make


def test_a_model_that_is_ready_soon_costs_no_deferral(sensor: MakeSensor) -> None:
    assert sensor(FakeCluster(task=[CREATED, RUNNING, COMPLETED]), patience_s=10).execute(CONTEXT) == {"f1": "m1"}


@pytest.mark.parametrize("kind", [RegistrationSensor, DeploymentSensor])
def test_a_model_that_was_given_is_not_waited_for(sensor: MakeSensor, kind: type[ModelWaitSensor]) -> None:
    given = EncoderConfig(model={"source": "model_id", "model_id": "m9"})
    waiting = sensor(FakeCluster(), kind, {"task_id": None, "model_id": "m9"}, encoder=given)
    assert waiting.execute(CONTEXT) == {"f1": "m9"}


def test_a_slow_model_is_deferred_with_a_deadline_of_the_wall_clock(sensor: MakeSensor) -> None:
    before = time.time()
    with pytest.raises(TaskDeferred) as deferred:
        sensor(FakeCluster(task=[RUNNING])).execute(CONTEXT)
    trigger = deferred.value.trigger
    assert isinstance(trigger, ModelWaitTrigger)
    assert deferred.value.timeout is not None
    margin_s = deferred.value.timeout.total_seconds() - 100
    assert 300 < margin_s <= 600, "the deadline is in the wait, so that its end is told with the last state"
    assert before + 100 <= trigger.watched["waits"]["f1"]["deadline_at"] <= time.time() + 100
    assert trigger.watched["seen"]["f1"]["memory"]["state"] == "task t1 RUNNING (at None)"
    assert deferred.value.method_name == "resume"


def test_a_failed_registration_fails_at_once_and_says_why(sensor: MakeSensor) -> None:
    with pytest.raises(AirflowFailException, match=r"model content changed -> .*sha256"):
        sensor(FakeCluster(task=[FAILED])).execute(CONTEXT)


def test_a_state_nobody_knows_fails_at_once(sensor: MakeSensor) -> None:
    with pytest.raises(AirflowFailException, match="unknown state 'DREAMING'"):
        sensor(FakeCluster(task=[{"state": "DREAMING"}])).execute(CONTEXT)


def test_a_deployment_needs_the_node_s_own_word(sensor: MakeSensor) -> None:
    class Node(FakeCluster):
        def find(self, path: str) -> Json | None:
            profile = {"nodes": {"n1": {"models": {"m1": {"model_state": "DEPLOYED"}}}}}
            return profile if "/profile/" in path else super().find(path)

    started = {"task_id": "t1", "model_id": "m1"}
    cluster = Node(task=[COMPLETED], model=[{"model_state": "DEPLOYING"}, {"model_state": "DEPLOYED"}])
    assert sensor(cluster, DeploymentSensor, started, patience_s=10).execute(CONTEXT) == {"f1": "m1"}


def test_a_node_full_of_other_runs_models_is_asked_again_by_the_next_attempt(sensor: MakeSensor) -> None:
    full = {"state": "FAILED", "error": "Exceed max local model per node limit"}

    class Full(FakeCluster):
        """Until a deployment is asked for again."""

        def post(self, path: str, **_: object) -> Json:
            self.answers |= {"task": [COMPLETED], "model": [{"model_state": "DEPLOYED"}]}
            return {"task_id": "t2"}

        def find(self, path: str) -> Json | None:
            profile = {"nodes": {"n1": {"models": {"m1": {"model_state": "DEPLOYED"}}}}}
            return profile if "/profile/" in path else super().find(path)

    cluster, started = Full(task=[full], model=[{"model_state": "DEPLOY_FAILED"}]), {"task_id": "t1", "model_id": "m1"}
    asked_again = sensor(cluster, DeploymentSensor, started)
    assert asked_again.execute(CONTEXT) == {"f1": "m1"}

    class StillFull(Full):
        def post(self, path: str, **_: object) -> Json:
            return {"task_id": "t2"}

    cluster = StillFull(task=[full], model=[{"model_state": "DEPLOY_FAILED"}])
    with pytest.raises(OverloadedError, match=r"could not deploy for now: .*those of other runs among them"):
        sensor(cluster, DeploymentSensor, started).execute(CONTEXT)


def test_resume_takes_the_models_ids_from_done_verdicts(sensor: MakeSensor) -> None:
    event = {"waits": {"f1": REGISTER}, "seen": {"f1": DONE, "given": DONE | {"model_id": "m9"}}}
    found = sensor(FakeCluster()).resume_execution("resume", {"event": event}, CONTEXT)
    assert found == {"f1": "m1", "given": "m9"}


def test_of_several_models_the_slowest_is_waited_for(sensor: MakeSensor) -> None:
    class Two(FakeCluster):
        def find(self, path: str) -> Json | None:
            return {"state": "COMPLETED", "model_id": "m2"} if path.endswith("/t2") else super().find(path)

    second = {"f2": {"task_id": "t2", "model_id": None}}
    waiting = sensor(Two(task=[CREATED, RUNNING, COMPLETED]), others=second, patience_s=10)
    assert waiting.execute(CONTEXT) == {"f1": "m1", "f2": "m2"}
    with pytest.raises(TaskDeferred) as deferred:
        sensor(Two(task=[RUNNING]), others=second).execute(CONTEXT)
    trigger = deferred.value.trigger
    assert isinstance(trigger, ModelWaitTrigger)
    seen = trigger.watched["seen"]
    assert (seen["f1"]["state"], seen["f2"]["state"]) == ("waiting", "done"), "what is done is not asked for again"


def test_one_failed_registration_of_several_ends_the_wait(sensor: MakeSensor) -> None:
    class Two(FakeCluster):
        def find(self, path: str) -> Json | None:
            return FAILED if path.endswith("/t2") else super().find(path)

    with pytest.raises(AirflowFailException, match="task t2 is FAILED: model content changed"):
        sensor(Two(task=[RUNNING]), others={"f2": {"task_id": "t2", "model_id": None}}).execute(CONTEXT)


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        "done",
        DONE,
        {"waits": {"f1": REGISTER}, "seen": {"f1": {"state": "perhaps", "detail": ""}}},
        {"waits": {"f1": REGISTER}, "seen": {"f1": {"state": "done", "detail": ""}}},
        {"waits": {"f1": REGISTER}, "seen": {}},
    ],
)
def test_resume_refuses_an_event_that_is_no_verdict(sensor: MakeSensor, event: object) -> None:
    with pytest.raises(AirflowFailException):
        sensor(FakeCluster()).resume_execution("resume", {"event": event}, CONTEXT)


CAUSE = "sparse_index.errors.ConfigError: Connection 'search': extra `use_ssl` must be true or false."


@pytest.mark.parametrize(
    ("said", "error", "reason"),
    [
        (
            {"error": "Trigger failure", "traceback": ["Traceback (most recent call last):\n", f"{CAUSE}\n"]},
            UnavailableError,
            f"The triggerer, which needs what the workers have, could not wait for the model: {CAUSE}",
        ),
        (
            {"error": "Trigger failure"},
            UnavailableError,
            "The triggerer, which needs what the workers have, could not wait for the model: Trigger failure",
        ),
        (
            {"error": TriggerFailureReason.TRIGGER_TIMEOUT.value},
            AirflowFailException,
            "No triggerer said anything until the deadline to register was over. See that one runs (airflow triggerer), then "
            "trigger a new run.",
        ),
    ],
)
def test_a_trigger_that_has_failed_or_never_ran_leaves_a_reason(
    sensor: MakeSensor, said: Json, error: type[Exception], reason: str
) -> None:
    """Airflow resumes the task only to fail."""
    pushed: dict[str, str] = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))
    with pytest.raises(error):
        sensor(FakeCluster()).resume_execution(TRIGGER_FAIL_REPR, said, {"ti": ti})
    assert pushed["error"] == reason


@pytest.fixture
def event_of(monkeypatch: pytest.MonkeyPatch) -> EventOf:
    """Runs the trigger against `cluster` and gives its one event."""

    def run(cluster: FakeAsyncCluster, deadline_in_s: float = 100.0, memory: Json | None = None) -> Json:
        async def async_cluster(hook: OpenSearchMLHook) -> FakeAsyncCluster:
            return cluster

        async def event() -> TriggerEvent:
            return await anext(trigger.run())

        monkeypatch.setattr(OpenSearchMLHook, "async_cluster", async_cluster)
        wait = REGISTER | {"deadline_at": time.time() + deadline_in_s, "standstill_s": 50.0}
        seen = {"f1": {"state": "waiting", "detail": "", "memory": memory}} if memory else {}
        trigger = ModelWaitTrigger("search", {"waits": {"f1": wait}, "seen": seen}, poll_interval_s=0.01)
        payload: Json = asyncio.run(event()).payload["seen"]["f1"]
        return payload

    return run


def test_the_trigger_waits_until_the_model_is_there(event_of: EventOf) -> None:
    cluster = FakeAsyncCluster(task=[CREATED, RUNNING, COMPLETED])
    event = event_of(cluster)
    assert (event["state"], event["model_id"], cluster.asked, cluster.closed) == ("done", "m1", 3, True)


def test_the_trigger_outlives_a_cluster_that_is_away_for_a_moment(event_of: EventOf) -> None:
    cluster = FakeAsyncCluster(task=[RUNNING, UnavailableError("no answer"), COMPLETED])
    assert event_of(cluster)["state"] == "done"


@pytest.mark.parametrize(
    ("answer", "said"),
    [(FAILED, "model content changed"), (AccessError("permission missing"), "permission missing")],
)
def test_the_trigger_tells_a_failure_in_words(event_of: EventOf, answer: Json | Exception, said: str) -> None:
    event = event_of(FakeAsyncCluster(task=[answer]))
    assert event["state"] == "failed"
    assert said in event["detail"]


def test_a_task_that_is_gone_is_a_failure(event_of: EventOf) -> None:
    assert "does not exist any more" in event_of(FakeAsyncCluster(task=[TerminalError("gone", 404)]))["detail"]


def test_the_deadline_names_the_last_state(event_of: EventOf) -> None:
    event = event_of(FakeAsyncCluster(task=[RUNNING]), deadline_in_s=0.05)
    assert "deadline is over; last state: task t1 RUNNING" in event["detail"]


def test_a_standstill_is_counted_from_what_the_sensor_saw(event_of: EventOf) -> None:
    memory = {"state": "task t1 RUNNING (at None)", "since": time.time() - 51}
    event = event_of(FakeAsyncCluster(task=[RUNNING]), memory=memory)
    assert "nothing has moved for 51 s" in event["detail"]
