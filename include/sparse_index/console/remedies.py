"""Which chapter says what to do when a task has failed."""

from __future__ import annotations

from collections.abc import Mapping

GUIDE = "docs/operate.md"
_GATE = "docs/gate.md#the-gate-refuses"
_OTHERWISE = "what-is-left-after-a-failure"
# By the kind of a DAG, of those that one chapter explains as a whole.
_OPERATIONS: Mapping[str, str] = {
    "serving": "what-queries-need",
    "rollback": "going-back",
    "redrive": "dead-letters-try-again",
    "janitor": "the-janitor",
    "forget": "forget-documents",
}
# By the stage of a build, of those with a chapter of their own.
_STAGES: Mapping[str, str] = {
    "read_configuration": "a-dag-has-the-tag-broken",
    "preflight": "preflight-refuses",
    "plan_shards": "the-corpus-cannot-be-read",
    "scan": "the-corpus-cannot-be-read",
    "turn": "running-by-hand-backfill-clearing",
    "plan_changes": "the-plan-refuses",
    "create_model_group": "registration-fails",
    "register_model": "registration-fails",
    "wait_registered": "registration-or-deployment-hangs",
    "deploy_model": "registration-or-deployment-hangs",
    "wait_deployed": "registration-or-deployment-hangs",
    "prove_encoder": "the-encoder-is-not-the-one-it-was",
    "encode": "good-texts-are-refused",
    "prepare_candidate": "shards-do-not-get-ready",
    "index": "writes-are-refused",
    "reconcile": "the-books-do-not-close",
    "approve": "the-gate-is-in-doubt",
    "promote": "lost-race",
    "undeploy_model": "a-model-stays-behind",
    "delete_model": "a-model-stays-behind",
    "delete_model_group": "a-model-stays-behind",
}


def remedy(stage: str, kind: str = "daily") -> str:
    """The chapter to read, as a path with its anchor. `kind` of the DAG: `daily`, `serving` or the name of an operation."""
    if kind == "daily" and stage == "gate":
        return _GATE
    return f"{GUIDE}#{_OPERATIONS.get(kind) or _STAGES.get(stage, _OTHERWISE)}"
