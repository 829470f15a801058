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
    "encode": "troubleshooting-by-symptom",
    "prepare_candidate": "shards-do-not-get-ready",
    "index": "troubleshooting-by-symptom",
    "reconcile": "the-books-do-not-close",
    "approve": "the-gate-is-in-doubt",
    "promote": "lost-race",
    "undeploy_model": "a-model-stays-behind",
    "delete_model": "a-model-stays-behind",
    "delete_model_group": "a-model-stays-behind",
}
# By words of a message that says the same whichever task failed with it. The last one is of a message that repeats another one.
_WORDS: Mapping[str, str] = {
    "permission missing (": "permission-missing",
    "login or password refused": "login-refused-certificate-not-trusted",
    "is not trusted (": "login-refused-certificate-not-trusted",
    "no answer from the cluster": "the-cluster-does-not-answer",
    "something in front of the cluster answered": "the-cluster-does-not-answer",
    "Airflow gives no connection": "the-cluster-does-not-answer",
    "AWS gives no credentials": "the-cluster-does-not-answer",
    "Memory Circuit Breaker": "the-memory-breaker-is-open",
    "does not answer for now: model": "model-not-ready-after-a-restart",
    "was not ready again after": "model-not-ready-after-a-restart",
    "of this build is gone": "the-model-is-gone",
    "refuses even a text that it encoded before": "good-texts-are-refused",
    "The model's answer to": "empty-vectors",
    "the model is at fault, not the texts": "empty-vectors",
    "are dead letters; allowed are": "too-many-dead-letters",
    "more than limits.max_dead_letters (": "too-many-dead-letters",
    "changed while the build was running": "the-corpus-changed-while-the-run-was-reading-it",
    "A block on the candidate refuses writes": "writes-are-refused",
    "Not tried: parts": "parts-were-not-tried",
}


def remedy(stage: str, kind: str = "daily", said: str = "") -> str:
    """The chapter to read, as a path with its anchor. `kind` of the DAG: `daily`, `serving` or the name of an operation;
    `said`: why it failed."""
    told = next((chapter for words, chapter in _WORDS.items() if words in said), None)
    if told is None and kind == "daily" and stage == "gate":
        return _GATE
    return f"{GUIDE}#{told or _OPERATIONS.get(kind) or _STAGES.get(stage, _OTHERWISE)}"
