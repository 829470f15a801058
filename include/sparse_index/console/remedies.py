"""Where the operator's guide says what to do when a stage has failed."""

from __future__ import annotations

from collections.abc import Mapping

GUIDE = "docs/operate.md"
_OTHERWISE = "what-is-left-after-a-failure"
_ANCHORS: Mapping[str, str] = {
    "preflight": "preflight-refuses",
    "plan_shards": "the-corpus-cannot-be-read",
    "scan": "the-corpus-cannot-be-read",
    "plan_changes": "the-plan-refuses",
    "register_model": "registration-fails",
    "wait_registered": "registration-or-deployment-hangs",
    "deploy_model": "registration-or-deployment-hangs",
    "wait_deployed": "registration-or-deployment-hangs",
    "prove_encoder": "the-encoder-is-not-the-one-it-was",
    "encode": "good-texts-are-refused",
    "prepare_candidate": "shards-do-not-get-ready",
    "index": "writes-are-refused",
    "reconcile": "the-books-do-not-close",
    "gate": "the-gate-is-in-doubt",
    "promote": "lost-race",
    "undeploy_model": "a-model-stays-behind",
    "delete_model": "a-model-stays-behind",
    "delete_model_group": "a-model-stays-behind",
}


def remedy(stage: str) -> str:
    """The chapter to read, as a path with its anchor."""
    return f"{GUIDE}#{_ANCHORS.get(stage, _OTHERWISE)}"
