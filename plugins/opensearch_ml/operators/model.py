"""The encoder's life within one build. Every verb is idempotent; the teardowns find things by the build's mark."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from opensearch_ml.opened import Build
from opensearch_ml.operators.base import BuildOperator, skip_when_idle


class ReserveOperator(BuildOperator):
    """Creates nothing: a setup that has succeeded before anything exists, so that every teardown has one.

    Skips itself, and with it the whole encoder group, when nothing is to be encoded. Gives the list that
    `EncodeOperator` is mapped over.
    """

    def work(self, build: Build, context: Any) -> list[dict[str, int]]:
        plan = build.plan
        skip_when_idle(plan)
        if not plan.encode_parts:
            raise AirflowSkipException(f"Build {plan.build_id}: every vector is in the store already.")
        self.log.info("Build %s: names carry the mark '%s'.", plan.build_id, plan.group)
        return [{"number": part.number, "texts": part.items} for part in plan.encode_parts]


class CreateModelGroupOperator(BuildOperator):
    """The model group that carries the build's mark; adopts one that is there. Gives its id, "" for a given model."""

    def work(self, build: Build, context: Any) -> str:
        return build.life.create_group(build.cluster, build.plan.group)


class RegisterModelOperator(BuildOperator):
    """Starts the registration, or adopts the model an earlier attempt registered: never two models."""

    template_fields = ("plan_task_id", "group_id")

    def __init__(self, *, group_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group_id = group_id

    def work(self, build: Build, context: Any) -> dict[str, str | None]:
        return asdict(build.life.register(build.cluster, self.group_id))


class DeployModelOperator(BuildOperator):
    """Starts the deployment; a model that is deployed already stays as it is, and so does one that is not ours."""

    template_fields = ("plan_task_id", "model_id")

    def __init__(self, *, model_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model_id = model_id

    def work(self, build: Build, context: Any) -> dict[str, str | None]:
        return asdict(build.life.deploy(build.cluster, self.model_id))


class UndeployModelOperator(BuildOperator):
    """Frees the memory that the build's models hold; gives their ids."""

    def work(self, build: Build, context: Any) -> list[str]:
        return build.life.undeploy(build.cluster, build.plan.group)


class DeleteModelOperator(BuildOperator):
    """Deletes the build's models, also one that a killed register left; one that something refers to is kept."""

    def work(self, build: Build, context: Any) -> dict[str, list[str]]:
        removal = build.life.delete_models(build.cluster, build.plan.group)
        for reason in removal.kept:
            self.log.warning("%s", reason)
        return {"deleted": list(removal.deleted), "kept": list(removal.kept)}


class DeleteModelGroupOperator(BuildOperator):
    """Deletes the build's model group."""

    def work(self, build: Build, context: Any) -> None:
        build.life.delete_group(build.cluster, build.plan.group)
