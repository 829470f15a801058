"""Waiting for a registration or a deployment: what to ask, and one pure answer to how it stands for every waiter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sparse_index.cluster.client import AsyncCluster, Cluster, Json
from sparse_index.errors import ModelError, OverloadedError, TransientError
from sparse_index.ml.causes import explain, is_refused_for_now
from sparse_index.ml.states import (
    MODEL_DEPLOY_FAILED,
    MODEL_REGISTERED,
    TASK_FAILED,
    TASK_PENDING,
    ModelState,
    model_state,
    task_state,
)
from sparse_index.values import Frozen

POLL_S = 1.0
WaitKind = Literal["register", "deploy"]


@dataclass(frozen=True)
class Started:
    """What there is to wait for. `task_id` None: nobody has to wait, or another attempt began it and only the model tells;
    `model_id` None: the task tells it in the end."""

    task_id: str | None = None
    model_id: str | None = None


class Wait(Frozen):
    """What is waited for. `deadline_at` is wall clock (epoch seconds), because the wait crosses processes.

    `task_id` None: another attempt started it, only the model tells. `model`: its name, for messages.
    """

    kind: WaitKind
    model: str | None = None
    task_id: str | None = None
    model_id: str | None = None
    deadline_at: float
    standstill_s: float

    def paths(self) -> tuple[str, ...]:
        """What to GET; the answers go to `check` in this order, None for a 404."""
        task = (f"/_plugins/_ml/tasks/{self.task_id}",) if self.task_id else ()
        if self.kind == "register":
            return task or (f"/_plugins/_ml/models/{self.model_id}",)
        return (*task, f"/_plugins/_ml/models/{self.model_id}", f"/_plugins/_ml/profile/models/{self.model_id}")


def wait_for(
    kind: WaitKind,
    deadline_s: float,
    *,
    now: float,
    task_id: str | None = None,
    model_id: str | None = None,
    model: str | None = None,
) -> Wait:
    """A wait of at most `deadline_s` seconds from `now`. Half of it without any movement is a standstill: ML Commons
    tells nothing between the begin and the end of a download, so a longer deadline must mean more patience."""
    return Wait(
        kind=kind,
        model=model,
        task_id=task_id,
        model_id=model_id,
        deadline_at=now + deadline_s,
        standstill_s=deadline_s / 2,
    )


class Memory(Frozen):
    """The last state seen and since when (epoch seconds): how a standstill is noticed."""

    state: str
    since: float


class WaitStatus(Frozen):
    """`detail` is a sentence for the log or the error; `model_id` is known when a registration is done.

    `refused`: it failed because a breaker was open, or a node full of models, at that moment; the same may succeed when it is
    asked for again.
    """

    state: Literal["waiting", "done", "failed"]
    detail: str
    model_id: str | None = None
    memory: Memory | None = None
    refused: bool = False


def check(wait: Wait, answers: Sequence[Json | None], memory: Memory | None, now: float) -> WaitStatus:
    """Wait, done or failed, from the answers to `wait.paths()`; ModelError for a state nobody knows."""
    status = _register_status(wait, answers) if wait.kind == "register" else _deploy_status(wait, answers)
    return status if status.state != "waiting" else _with_patience(wait, status.detail, memory, now)


def _with_patience(wait: Wait, state: str, memory: Memory | None, now: float) -> WaitStatus:
    seen = memory if memory is not None and memory.state == state else Memory(state=state, since=now)
    if now >= wait.deadline_at:
        detail = f"the deadline is over; last state: {state}, for {now - seen.since:.0f} s"
        return WaitStatus(state="failed", detail=detail, memory=seen)
    if now - seen.since >= wait.standstill_s:
        detail = f"nothing has moved for {now - seen.since:.0f} s; last state: {state}. Look at the ML nodes' logs"
        return WaitStatus(state="failed", detail=detail, memory=seen)
    return WaitStatus(state="waiting", detail=state, memory=seen)


def _task_status(wait: Wait, task: Json | None) -> WaitStatus:
    if task is None:
        return WaitStatus(state="failed", detail=f"task {wait.task_id} does not exist any more")
    state = task_state(task.get("state"), wait.task_id)
    if state in TASK_FAILED:
        error = task.get("error")
        detail = f"task {wait.task_id} is {state}: {explain(error)}"
        return WaitStatus(state="failed", detail=detail, refused=is_refused_for_now(error))
    if state in TASK_PENDING:
        return WaitStatus(state="waiting", detail=f"task {wait.task_id} {state} (at {task.get('last_update_time')})")
    return WaitStatus(state="done", detail=f"task {wait.task_id} {state}", model_id=task.get("model_id"))


def _register_status(wait: Wait, answers: Sequence[Json | None]) -> WaitStatus:
    if wait.task_id:
        return _task_status(wait, answers[0])
    document = answers[0]
    if document is None:
        return WaitStatus(state="failed", detail=f"model {wait.model_id} does not exist any more")
    state = model_state(document.get("model_state"), wait.model_id)
    done = state in MODEL_REGISTERED
    return WaitStatus(
        state="done" if done else "waiting", detail=f"model {wait.model_id} {state}", model_id=wait.model_id
    )


def _deploy_status(wait: Wait, answers: Sequence[Json | None]) -> WaitStatus:
    if wait.task_id:
        task = _task_status(wait, answers[0])
        if task.state != "done":
            return task
    document, profile = answers[-2:]
    if document is None:
        return WaitStatus(state="failed", detail=f"model {wait.model_id} does not exist any more")
    state = model_state(document.get("model_state"), wait.model_id)
    nodes, planned = deployed_nodes(profile or {}, wait.model_id or ""), planned_nodes(document)
    detail = f"model {wait.model_id} {state} on {len(nodes)} of {planned} node(s)"
    on_all = len(nodes) >= planned
    # ML Commons' own sync job may look just before the model is up and write a failure that its next look takes back
    # (every 10 s, seen on 3.6.0): where every planned node says that the model works, the document is late, not right.
    if state in MODEL_DEPLOY_FAILED and not on_all:
        return WaitStatus(state="failed", detail=f"{detail}. Look at the logs and the memory of the others")
    # The document says DEPLOYED on as before for some seconds after a node is gone; then it plans with those that are there.
    done = state is ModelState.DEPLOYED and on_all
    return WaitStatus(state="done" if done else "waiting", detail=detail, model_id=wait.model_id)


def planned_nodes(document: Json) -> int:
    """How many nodes are to have the model, by its document; at least one."""
    return max(1, int(document.get("planning_worker_node_count") or 0))


def deployed_nodes(profile: Json, model_id: str) -> list[str]:
    """The ids of the nodes whose own profile says that the model works there."""
    return [node for node, state in _node_states(profile, model_id).items() if state == ModelState.DEPLOYED]


def holding_nodes(profile: Json, model_id: str) -> list[str]:
    """The ids of the nodes that have the model in memory, or are loading it."""
    held = (ModelState.DEPLOYED, ModelState.DEPLOYING)
    return [node for node, state in _node_states(profile, model_id).items() if state in held]


def _node_states(profile: Json, model_id: str) -> dict[str, object]:
    nodes: Json = profile.get("nodes", {})
    return {node: body.get("models", {}).get(model_id, {}).get("model_state") for node, body in nodes.items()}


def look(cluster: Cluster, wait: Wait, memory: Memory | None, now: float) -> WaitStatus:
    """One poll. A cluster that does not answer for now counts as a state like any other, under the same deadline."""
    try:
        return check(wait, [cluster.find(path) for path in wait.paths()], memory, now)
    except TransientError as error:
        return _with_patience(wait, error.message, memory, now)


async def look_async(cluster: AsyncCluster, wait: Wait, memory: Memory | None, now: float) -> WaitStatus:
    """`look` for the triggerer's event loop."""
    try:
        return check(wait, [await cluster.find(path) for path in wait.paths()], memory, now)
    except TransientError as error:
        return _with_patience(wait, error.message, memory, now)


def require_done(wait: Wait, status: WaitStatus) -> str:
    """The model id of what is done; ModelError for what failed, OverloadedError for what was refused for now."""
    if status.state == "done" and status.model_id:
        return status.model_id
    detail = f"{wait.model}: {status.detail}" if wait.model else status.detail
    if status.refused:
        raise OverloadedError(f"The model could not {wait.kind} for now: {detail}.")
    raise ModelError(f"The model did not {wait.kind}: {detail}. See docs/operate.md, then trigger a new run.")
