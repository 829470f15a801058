"""The stages of a build, in the order of its run, and the chapter that the seconds of each count for."""

from __future__ import annotations

from collections.abc import Mapping

REST = "rest"
CHAPTERS = ("scan", "plan", "model", "encode", "index", "checks", REST)
# None: waiting, which is no work. Those without Airflow (`plan`, `deploy`) have names of their own.
_STAGES: Mapping[str, str | None] = {
    "preflight": "scan",
    "turn": None,
    **dict.fromkeys(("plan_shards", "scan"), "scan"),
    **dict.fromkeys(("plan_changes", "plan"), "plan"),
    **dict.fromkeys(("reserve", "create_model_group", "register_model", "wait_registered"), "model"),
    **dict.fromkeys(("deploy_model", "wait_deployed", "deploy", "prove_encoder"), "model"),
    "encode": "encode",
    **dict.fromkeys(("undeploy_model", "delete_model", "delete_model_group"), REST),
    **dict.fromkeys(("prepare_candidate", "index"), "index"),
    **dict.fromkeys(("reconcile", "gate"), "checks"),
    "approve": None,
    **dict.fromkeys(("promote", "retire", "outcome"), REST),
}
_PLACES: Mapping[str, int] = {stage: place for place, stage in enumerate(_STAGES)}


def chapter_of(stage: str) -> str | None:
    """What its seconds count for; None for waiting."""
    return _STAGES.get(stage, REST)


def in_order(seconds: Mapping[str, float]) -> dict[str, float]:
    """As a run has its stages; those that nobody knows come last, in the order given."""
    return dict(sorted(seconds.items(), key=lambda item: _PLACES.get(item[0], len(_PLACES))))
