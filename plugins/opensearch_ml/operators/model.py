"""The life of a build's models. Every verb is idempotent; the teardowns find things by the build's mark.

A task does its work for all models of the build. What it gives is told apart by the fingerprint of the encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from opensearch_ml.opened import Build
from opensearch_ml.operators.base import BuildOperator, skip_when_idle

if TYPE_CHECKING:
    from sparse_index.ml.waits import Started


_NO_GROUP = "No model group is needed: every model was there before this build."
_NOTHING_MADE = "the build has made none that nothing refers to"


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
        texts = sum(part.items for part in plan.encode_parts)
        self.log.info(
            "Build %s encodes %s texts in %d part(s); what it makes in the cluster carries the mark '%s'.",
            *(plan.build_id, f"{texts:,}", len(plan.encode_parts), plan.group),
        )
        return [{"number": part.number, "texts": part.items} for part in plan.encode_parts]


class CreateModelGroupOperator(BuildOperator):
    """The model group that carries the build's mark; adopts one that is there. Gives its id, "" where none is needed."""

    def work(self, build: Build, context: Any) -> str:
        group_id = build.models.create_group(build.cluster)
        self.log.info("%s", f"Model group {build.plan.group} is {group_id}." if group_id else _NO_GROUP)
        return group_id


class RegisterModelOperator(BuildOperator):
    """Starts the registrations, or adopts what an earlier attempt registered: never two of one model."""

    template_fields = ("group_id",)

    def __init__(self, *, group_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group_id = group_id

    def work(self, build: Build, context: Any) -> dict[str, dict[str, str | None]]:
        begun = build.models.register(build.cluster, self.group_id)
        for fingerprint, each in begun.items():
            self.log.info("%s: %s.", build.models.name_of(fingerprint), _in_words(each, "registration", "is there"))
        return started(begun)


class DeployModelOperator(BuildOperator):
    """Starts the deployments; a model that is deployed already stays as it is, and so does one that is not ours."""

    template_fields = ("model_ids",)

    def __init__(self, *, model_ids: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model_ids = model_ids

    def work(self, build: Build, context: Any) -> dict[str, dict[str, str | None]]:
        begun = build.models.deploy(build.cluster, self.model_ids)
        for fingerprint, each in begun.items():
            self.log.info("%s: %s.", build.models.name_of(fingerprint), _in_words(each, "deployment", "is deployed"))
        return started(begun)


def _in_words(each: Started, what: str, there: str) -> str:
    """What was begun, or that there was nothing to begin."""
    if each.task_id is None:
        return f"model {each.model_id} {there} already, or on its way"
    return f"{what} begun, task {each.task_id}" + (f", model {each.model_id}" if each.model_id else "")


def started(begun: Mapping[str, Started]) -> dict[str, dict[str, str | None]]:
    """As XCom carries it."""
    return {fingerprint: asdict(each) for fingerprint, each in begun.items()}


class UndeployModelOperator(BuildOperator):
    """Frees the memory that the build's models hold; gives their ids."""

    def work(self, build: Build, context: Any) -> list[str]:
        model_ids = build.models.undeploy(build.cluster)
        self.log.info("Undeployed: %s.", ", ".join(model_ids) or f"nothing, {_NOTHING_MADE}")
        return model_ids


class DeleteModelOperator(BuildOperator):
    """Deletes the build's models, also one that a killed register left; one that something refers to is kept."""

    def work(self, build: Build, context: Any) -> dict[str, list[str]]:
        removal = build.models.delete_models(build.cluster)
        for reason in removal.kept:
            self.log.warning("%s", reason)
        deleted = ", ".join(removal.deleted) or f"no model, {_NOTHING_MADE}"
        self.log.info("Deleted: %s. Kept: %s.", deleted, len(removal.kept) or "none")
        return {"deleted": list(removal.deleted), "kept": list(removal.kept)}


class DeleteModelGroupOperator(BuildOperator):
    """Deletes the build's model group."""

    def work(self, build: Build, context: Any) -> None:
        build.models.delete_group(build.cluster)
        left = build.models.remains(build.cluster)
        self.log.info("Left of '%s' in the cluster: %s.", build.plan.group, ", ".join(left) or "nothing")
