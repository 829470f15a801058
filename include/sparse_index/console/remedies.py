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
    "wait_registered": "registration-fails",
    "deploy_model": "deploy-runs-out-of-memory",
    "wait_deployed": "deploy-runs-out-of-memory",
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
    "nothing has moved for": "registration-or-deployment-hangs",
    "the deadline is over; last state": "registration-or-deployment-hangs",
    "No triggerer said anything until": "registration-or-deployment-hangs",
    "which needs what the workers have, could not wait": "registration-or-deployment-hangs",
    "is still held by": "a-model-stays-behind",
    "in the store is torn or no Parquet": "a-file-of-the-store-is-torn",
    "The store's files cannot be queried": "a-file-of-the-store-is-torn",
    "so it cannot be an alias": "the-alias-is-taken-by-an-index",
    "exactly one is allowed": "the-alias-points-to-two-indices",
    "Lost race: ": "lost-race",
    "another run was promoted meanwhile": "lost-race",
    " shards active, ": "shards-do-not-get-ready",
    " was not allocated within ": "shards-do-not-get-ready",
    " found no node within ": "shards-do-not-get-ready",
    "does not hold what the corpus says": "the-candidate-does-not-hold-what-the-corpus-says",
    " every new index of '": "an-index-template-gets-in-the-way",
    "The cluster refuses an index like": "an-index-template-gets-in-the-way",
    "Write `index: rank_features`": "sparse_vector-fields",
    "`index: sparse_vector` holds ids of tokens": "sparse_vector-fields",
    "the vocabulary of the model goes up to id": "sparse_vector-fields",
    "' can begin: ": "doctor-says-that-no-run-could-begin",
    "Not tried: parts": "parts-were-not-tried",
}


def remedy(stage: str, kind: str = "daily", said: str = "") -> str:
    """The chapter to read, as a path with its anchor. `kind` of the DAG: `daily`, `serving` or the name of an operation;
    `said`: why it failed."""
    cause = _first_cause(said)
    told = next((chapter for words, chapter in _WORDS.items() if words in cause), None)
    if told is None and kind == "daily" and stage == "gate":
        return _GATE
    return f"{GUIDE}#{told or _OPERATIONS.get(kind) or _STAGES.get(stage, _OTHERWISE)}"


def _first_cause(said: str) -> str:
    """The first line, and the first one of the list that it announces: what failed first stands first, what is untidy last."""
    first, *others = said.splitlines() or [""]
    return " ".join([first, *others[:1]]) if first.endswith(":") else first
