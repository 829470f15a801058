"""One shared model there, once, and answering: adopted, else registered; deployed where it does not answer.

Two that register at once make two models: both see them when they look again, and take the older one. Whoever is killed on
the way leaves a model that somebody still works at, or that nobody can end; what moves is waited for, what does not is
deleted and begun anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from sparse_index.cluster.client import Cluster, Json
from sparse_index.cluster.settings import effective_settings
from sparse_index.errors import ModelError
from sparse_index.ml import verbs
from sparse_index.ml.groups import create_group
from sparse_index.ml.served import served_models
from sparse_index.ml.sources import SECTION
from sparse_index.ml.states import MODEL_HELD, ModelState
from sparse_index.ml.usage import kept_for, used_by
from sparse_index.ml.waits import wait_for
from sparse_index.ml.watching import wait_until
from sparse_index.serving.needs import Need
from sparse_index.timing import Timing

log = logging.getLogger(__name__)

POLL_S = 1.0
# An upload's next chunk, of 10 MB, is there within this time; nobody sends it any more otherwise.
STANDSTILL_S = 60.0
# After a restart of a node ML Commons deploys again by itself, and meanwhile its documents say DEPLOYED.
REDEPLOY_AFTER_S = 30.0
# Why a deployment fails that somebody else began a moment before, or at once with it: both write the model's document.
_DEPLOYS_ALREADY = ("Duplicate deploy model task", "version conflict")
_ACCESS_CONTROL = f"{SECTION}.model_access_control_enabled"


def ensure_model(cluster: Cluster, need: Need, timing: Timing) -> str:
    """The id of the model, which is registered and answers now; ModelError when it does not get there in time."""
    model_id = _registered(cluster, need, timing)
    ensure_answers(cluster, model_id, lambda: need.answers(cluster, model_id), need.deploy_deadline_s, timing)
    return model_id


def _registered(cluster: Cluster, need: Need, timing: Timing) -> str:
    """The oldest of those that are registered; one is registered where there is none."""
    deadline, watched = timing.clock() + need.register_deadline_s, _Watched()
    while True:
        there = served_models(cluster, need.source.model, need.content_sha256)
        done = [name for name, document in there.items() if document.get("model_state") != ModelState.REGISTERING]
        if done:
            return done[0]
        if timing.clock() >= deadline:
            raise ModelError(
                f"Model {need.source.model.name} was not registered within {need.register_deadline_s:.0f} s: "
                f"{', '.join(there) or 'nothing'} of group {need.group} is REGISTERING. Look at the ML nodes' logs."
            )
        if not there:
            _register(cluster, need, timing)
        elif watched.stands_still(next(iter(there)), _progress(cluster, next(iter(there))), timing):
            torn = next(iter(there))
            log.warning("Model %s of group %s stands still half registered: it is deleted.", torn, need.group)
            verbs.delete_model(cluster, torn)
        else:
            timing.sleep(POLL_S)


@dataclass
class _Watched:
    """What was seen last, and since when (seconds of the clock)."""

    seen: object = None
    since: float = field(default=0.0)

    def stands_still(self, model_id: str, progress: int | None, timing: Timing) -> bool:
        """`progress` None: somebody works at it."""
        if progress is None or self.seen != (model_id, progress):
            self.seen, self.since = (model_id, progress), timing.clock()
        return timing.clock() - self.since >= STANDSTILL_S


def _progress(cluster: Cluster, model_id: str) -> int | None:
    """How many chunks of it were uploaded; None while a node registers it, which nobody else can see."""
    nodes: Json = (cluster.find(f"{verbs.ML}/profile/tasks") or {}).get("nodes", {})
    tasks = (task for node in nodes.values() for task in node.get("tasks", {}).values())
    if any(task.get("model_id") == model_id for task in tasks):
        return None
    chunks = {"bool": {"filter": [{"term": {"model_id": model_id}}, {"exists": {"field": "chunk_number"}}]}}
    answer: Json = cluster.post(f"{verbs.ML}/models/_search", {"size": 0, "query": chunks})
    return int(answer["hits"]["total"]["value"])


def _register(cluster: Cluster, need: Need, timing: Timing) -> None:
    """One more model in its group. The answer's id is not taken: whoever looks again sees whether another came first."""
    log.info("Model %s is registered in group %s.", need.source.model.name, need.group)
    group_id = create_group(
        cluster, need.group, f"Serves queries with {need.source.model.name}", **_open_to_all(cluster)
    )
    try:
        started = verbs.begin_registration(cluster, need.source, group_id, expires=False)
    except ModelError as error:
        # Somebody else registers one in this group at this moment.
        if error.status != 409:
            raise
        timing.sleep(POLL_S)
        return
    if started.task_id is not None:
        now, model = timing.now().timestamp(), need.source.model.name
        wait = wait_for("register", need.register_deadline_s, now=now, task_id=started.task_id, model=model)
        wait_until(cluster, wait, timing=timing)


def _open_to_all(cluster: Cluster) -> Json:
    """Where models belong to who made them, builds and readers have to be let in."""
    settings = effective_settings(cluster, SECTION)
    return {"access_mode": "public"} if settings.get(_ACCESS_CONTROL) == "true" else {}


def ensure_answers(
    cluster: Cluster, model_id: str, answers: Callable[[], bool], deadline_s: float, timing: Timing
) -> None:
    """Deploy it where it does not answer; its documents do not tell."""
    if answers() or _comes_by_itself(cluster, model_id, answers, deadline_s, timing):
        return
    log.info("Model %s does not answer: it is deployed.", model_id)
    started = timing.clock()
    _deploy(cluster, model_id, deadline_s, timing)
    while not answers():
        if timing.clock() - started >= deadline_s:
            raise ModelError(
                f"Model {model_id} is deployed and does not answer after {deadline_s:.0f} s. Look at the ML nodes' logs and "
                "memory."
            )
        timing.sleep(POLL_S)


def _deploy(cluster: Cluster, model_id: str, deadline_s: float, timing: Timing) -> None:
    task_id, now = verbs.begin_deployment(cluster, model_id), timing.now().timestamp()
    wait = wait_for("deploy", deadline_s, now=now, task_id=task_id, model_id=model_id)
    try:
        wait_until(cluster, wait, timing=timing)
    except ModelError as error:
        if not any(words in error.message for words in _DEPLOYS_ALREADY):
            raise


def _comes_by_itself(
    cluster: Cluster, model_id: str, answers: Callable[[], bool], deadline_s: float, timing: Timing
) -> bool:
    """Whether ML Commons deploys it, after a restart or because somebody else asked for it."""
    started = timing.clock()
    while (state := (verbs.get_model(cluster, model_id) or {}).get("model_state")) in MODEL_HELD:
        timing.sleep(POLL_S)
        if answers():
            return True
        patience_s = deadline_s if state == ModelState.DEPLOYING else REDEPLOY_AFTER_S
        if timing.clock() - started >= patience_s:
            return False
    return False


def delete_spare(cluster: Cluster, model_id: str, timing: Timing) -> str | None:
    """Delete a model of a group in which another one serves; why it stays, in words. One that somebody registers at this
    moment stays: the next look knows which is the older."""
    users = used_by(cluster, model_id)
    if users:
        return kept_for(model_id, users)
    watched = _Watched()
    while (verbs.get_model(cluster, model_id) or {}).get("model_state") == ModelState.REGISTERING:
        progress = _progress(cluster, model_id)
        if progress is None:
            return f"model {model_id} is being registered now"
        if watched.stands_still(model_id, progress, timing):
            break
        timing.sleep(POLL_S)
    else:
        if watched.seen is not None:
            return f"model {model_id} was registered just now"
    verbs.undeploy(cluster, model_id, timing)
    verbs.delete_model(cluster, model_id)
    return None
