"""The chapter that the seconds of each stage of a build count for."""

from __future__ import annotations

from collections.abc import Mapping

REST = "rest"
CHAPTERS = ("scan", "plan", "model", "encode", "index", "checks", REST)
# None: waiting, which is no work. All others are the rest.
_CHAPTERS: Mapping[str, str | None] = {
    "preflight": "scan",
    "turn": None,
    **dict.fromkeys(("plan_shards", "scan"), "scan"),
    **dict.fromkeys(("plan_changes", "plan"), "plan"),
    **dict.fromkeys(("reserve", "create_model_group", "register_model", "wait_registered"), "model"),
    **dict.fromkeys(("deploy_model", "wait_deployed", "deploy", "prove_encoder"), "model"),
    "encode": "encode",
    **dict.fromkeys(("prepare_candidate", "index"), "index"),
    **dict.fromkeys(("reconcile", "gate"), "checks"),
    "approve": None,
}


def chapter_of(stage: str) -> str | None:
    """What its seconds count for; None for waiting."""
    return _CHAPTERS.get(stage, REST)
