"""The stages of a build in the order of its run: of those that failed, the first is why the others did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

# Those without Airflow (`plan`, `deploy`) have names of their own. Clean-ups come last: no stage fails for their sake, and what
# they fail of is most often what failed before them.
_STAGES = (
    *("preflight", "turn", "plan_shards", "scan", "plan_changes", "plan"),
    *("reserve", "create_model_group", "register_model", "wait_registered", "deploy_model", "wait_deployed", "deploy"),
    *("prove_encoder", "encode", "prepare_candidate", "index", "reconcile", "gate", "approve", "promote", "retire"),
    *("outcome", "undeploy_model", "delete_model", "delete_model_group"),
)
_PLACES = {stage: place for place, stage in enumerate(_STAGES)}


def in_order(found: Mapping[str, T]) -> dict[str, T]:
    """By stage, or by one part of it (`encode[3]`). Airflow gives its tasks by name; those that nobody knows come last, in the
    order given."""
    return dict(sorted(found.items(), key=lambda item: _PLACES.get(item[0].partition("[")[0], len(_PLACES))))
