"""The states ML Commons reports, and which of them mean wait, done or failed."""

from __future__ import annotations

from enum import StrEnum

from sparse_index.errors import ModelError


class TaskState(StrEnum):
    """`state` of a task document."""

    CREATED = "CREATED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    COMPLETED_WITH_ERROR = "COMPLETED_WITH_ERROR"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    CANCELLING = "CANCELLING"
    EXPIRED = "EXPIRED"
    UNREACHABLE = "UNREACHABLE"


class ModelState(StrEnum):
    """`model_state` of a model document or of one node's profile."""

    REGISTERING = "REGISTERING"
    REGISTERED = "REGISTERED"
    DEPLOYING = "DEPLOYING"
    DEPLOYED = "DEPLOYED"
    PARTIALLY_DEPLOYED = "PARTIALLY_DEPLOYED"
    UNDEPLOYED = "UNDEPLOYED"
    DEPLOY_FAILED = "DEPLOY_FAILED"


TASK_PENDING = frozenset({TaskState.CREATED, TaskState.RUNNING})
TASK_FAILED = frozenset(TaskState) - TASK_PENDING - {TaskState.COMPLETED}
MODEL_REGISTERED = frozenset(ModelState) - {ModelState.REGISTERING}
# By nodes: in whole, in part, or on the way.
MODEL_HELD = frozenset({ModelState.DEPLOYED, ModelState.PARTIALLY_DEPLOYED, ModelState.DEPLOYING})
MODEL_DEPLOY_FAILED = frozenset({ModelState.DEPLOY_FAILED, ModelState.PARTIALLY_DEPLOYED})


def task_state(raw: object, task_id: str | None) -> TaskState:
    try:
        return TaskState(str(raw))
    except ValueError:
        raise ModelError(f"Task {task_id} reports the unknown state {raw!r}. Is this version supported?") from None


def model_state(raw: object, model_id: str | None) -> ModelState:
    try:
        return ModelState(str(raw))
    except ValueError:
        raise ModelError(f"Model {model_id} reports the unknown state {raw!r}. Is this version supported?") from None
