"""The verbs of ML Commons. Each is idempotent by itself: already there and already gone are success.

Teardowns find models by their group, never by an id from an earlier task.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sparse_index.cluster.client import Cluster, Json
from sparse_index.errors import ModelError, OverloadedError, TerminalError
from sparse_index.ml.causes import explain
from sparse_index.ml.groups import find_groups, models_called, models_in_group, search
from sparse_index.ml.held import held_models, noting
from sparse_index.ml.sources import Source
from sparse_index.ml.states import MODEL_HELD, TASK_PENDING, ModelState
from sparse_index.ml.usage import kept_for, used_by
from sparse_index.ml.waits import Started, holding_nodes
from sparse_index.names import parse_group
from sparse_index.timing import REAL_TIME, Timing, pauses

log = logging.getLogger(__name__)

ML = "/_plugins/_ml"
SECOND_LOOK_S = 2.0
GONE_DEADLINE_S = 120.0
DEPLOYMENT_DEADLINE_S = 60.0
POLL_S = 0.5


@dataclass(frozen=True)
class Removal:
    """`kept` says why a model was not deleted."""

    deleted: tuple[str, ...]
    kept: tuple[str, ...]


def register(cluster: Cluster, source: Source, group_id: str) -> Started:
    """Start the registration, or adopt what an earlier attempt began in this group, beside whatever other models it holds:
    never two of one."""
    for model_id, document in models_in_group(cluster, group_id).items():
        if not source.made(document):
            continue
        if not source.is_torn(document):
            return Started(model_id=model_id)
        delete_model(cluster, model_id)
    return begin_registration(cluster, source, group_id)


def begin_registration(cluster: Cluster, source: Source, group_id: str, *, expires: bool = True) -> Started:
    """Start one more registration. `expires`: the cluster undeploys the model when nobody has used it for a day."""
    with _explained(f"Model {source.model.name} was not registered"):
        started = source.register(cluster, group_id, expires=expires)
    log.info("Model %s in group %s: %s.", source.model.name, group_id, started)
    return started


def get_model(cluster: Cluster, model_id: str) -> Json | None:
    """The model document; None when it is gone."""
    document: Json | None = cluster.find(f"{ML}/models/{model_id}")
    return document


def deploy(cluster: Cluster, model_id: str) -> str | None:
    """Start the deployment; gives its task, or None when the model is deployed or being deployed already."""
    document = get_model(cluster, model_id)
    if document is None:
        raise ModelError(f"Model {model_id} does not exist any more. Trigger a new run: finished chunks are kept.")
    if document.get("model_state") in (ModelState.DEPLOYED, ModelState.DEPLOYING):
        return None
    return begin_deployment(cluster, model_id)


def begin_deployment(cluster: Cluster, model_id: str) -> str:
    """Deploy it whatever its document says; gives the task."""
    with _explained(f"Model {model_id} was not deployed"):
        return str(cluster.post(f"{ML}/models/{model_id}/_deploy", retry=OverloadedError)["task_id"])


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """A refusal becomes a ModelError with cause and remedy; missing permissions and outages stay what they are."""
    try:
        yield
    except TerminalError as error:
        if type(error) is not TerminalError:
            raise
        raise ModelError(f"{what}: {explain(error.message)}", error.status, error.reason) from error


def undeploy(cluster: Cluster, model_id: str, timing: Timing = REAL_TIME) -> None:
    """Free the model's memory on every node and wait until the nodes say so; ModelError when they do not.

    A deployment under way cannot be cancelled, and an undeploy that meets it makes the cluster forget a model which the
    node keeps for ever (seen on 3.6.0: from then on `_undeploy` answers `{}`). So its end comes first, and what is deployed
    nowhere is left alone: the deployment of a stopped run may be on its way.
    """
    _await_deployments(cluster, model_id, timing)
    if not _is_deployed(cluster, model_id):
        return
    deadline, pause = timing.clock() + GONE_DEADLINE_S, pauses(POLL_S)
    while True:
        cluster.remove(f"{ML}/models/{model_id}/_undeploy", "POST")
        holders = _holders(cluster, model_id)
        if not holders:
            return
        if timing.clock() >= deadline:
            raise ModelError(
                f"Model {model_id} is still held by {', '.join(holders)} after {GONE_DEADLINE_S:.0f} s. Undeploy it by "
                f"hand (POST {ML}/models/{model_id}/_undeploy) or restart the node; the next preflight deletes it."
            )
        timing.sleep(next(pause))


def _await_deployments(cluster: Cluster, model_id: str, timing: Timing) -> None:
    """Until no deployment of the model moves; a task document of a node that died says RUNNING for ever."""
    deadline, pause = timing.clock() + DEPLOYMENT_DEADLINE_S, pauses(POLL_S)
    while _is_being_deployed(cluster, model_id) and timing.clock() < deadline:
        timing.sleep(next(pause))


def _is_being_deployed(cluster: Cluster, model_id: str) -> bool:
    pending = {"terms": {"state": sorted(TASK_PENDING)}}
    filters = [{"term": {"model_id": model_id}}, {"term": {"task_type": "DEPLOY_MODEL"}}, pending]
    moves = bool(search(cluster, "tasks", {"bool": {"filter": filters}}))
    return moves or (get_model(cluster, model_id) or {}).get("model_state") == ModelState.DEPLOYING


def _is_deployed(cluster: Cluster, model_id: str) -> bool:
    """By its document or by what a node holds: after a restart either may be alone with it."""
    document = get_model(cluster, model_id) or {}
    return document.get("model_state") in MODEL_HELD or bool(_holders(cluster, model_id))


def _holders(cluster: Cluster, model_id: str) -> list[str]:
    return [f"node {node}" for node in holding_nodes(cluster.get(f"{ML}/profile/models/{model_id}"), model_id)]


def delete_model(cluster: Cluster, model_id: str) -> None:
    """Delete the model and its task documents. A second delete may answer 500, so the model itself is asked."""
    try:
        cluster.delete(f"{ML}/models/{model_id}")
    except TerminalError:
        if get_model(cluster, model_id) is not None:
            raise
    for hit in search(cluster, "tasks", {"term": {"model_id": model_id}}):
        cluster.remove(f"{ML}/tasks/{hit['_id']}")


def undeploy_group(cluster: Cluster, group: str, timing: Timing = REAL_TIME) -> list[str]:
    """Undeploy every model of the group called `group` that nothing refers to; gives their ids."""
    models = [model_id for model_id in models_called(cluster, group) if not _users(cluster, model_id, group)]
    with held_models() as held:
        for model_id in models:
            with noting(held, model_id):
                undeploy(cluster, model_id, timing)
    return models


def delete_models(cluster: Cluster, group: str, timing: Timing = REAL_TIME, *, settled: bool = False) -> Removal:
    """Delete every model of the group, looking twice unless all is `settled`: what is in flight while a run is stopped may
    arrive after the first look, a registration as a further model, a deployment between `_undeploy` and the deletion (which is
    then refused)."""
    deleted: list[str] = []
    kept: list[str] = []
    looks = 1 if settled else 2
    with held_models() as held:
        for look in range(1, looks + 1):
            for model_id in (one for one in models_called(cluster, group) if one not in held):
                users = _users(cluster, model_id, group)
                if users:
                    kept.append(kept_for(model_id, users))
                    continue
                with noting(held, model_id):
                    undeploy(cluster, model_id, timing)
                    with suppress(*([TerminalError] if look < looks else [])):
                        delete_model(cluster, model_id)
                        deleted.append(model_id)
            if look < looks:
                timing.sleep(SECOND_LOOK_S)
    return Removal(tuple(dict.fromkeys(deleted)), tuple(dict.fromkeys(kept)))


def delete_group(cluster: Cluster, group: str, timing: Timing = REAL_TIME, *, but: str | None = None) -> None:
    """Delete what is called `group`, but for the group of the id `but`; one that still holds a kept model stays.

    The server counts what a deleted model leaves for a second or two (409), so this asks again until the deadline.
    """
    deadline, pause = timing.clock() + GONE_DEADLINE_S, pauses(POLL_S)
    while empty := [one for one in find_groups(cluster, group) if one != but and not _holds_models(cluster, one)]:
        try:
            for group_id in empty:
                cluster.remove(f"{ML}/model_groups/{group_id}")
            return
        except TerminalError as error:
            if error.status != 409 or timing.clock() >= deadline:
                raise
        timing.sleep(next(pause))


def _holds_models(cluster: Cluster, group_id: str) -> bool:
    """A search finds what was deleted a moment ago; the model itself is gone at once."""
    return any(get_model(cluster, model_id) is not None for model_id in models_in_group(cluster, group_id))


def remove_group(cluster: Cluster, group: str, timing: Timing = REAL_TIME) -> Removal:
    """A group of ours, by its name alone, with the models in it that nothing refers to: a build's, or one that served."""
    removal = delete_models(cluster, group, timing)
    delete_group(cluster, group, timing)
    return removal


def remains(cluster: Cluster, group: str) -> list[str]:
    """What is still there of the group called `group`, in words: itself and its models, with what keeps them."""
    if not find_groups(cluster, group):
        return []
    users = {model_id: _users(cluster, model_id, group) for model_id in models_called(cluster, group)}
    models = (kept_for(model_id, those) if those else f"model {model_id}" for model_id, those in users.items())
    return [f"model group {group}", *models]


def _users(cluster: Cluster, model_id: str, group: str) -> list[str]:
    owner = parse_group(group)
    return used_by(cluster, model_id, owner.alias if owner else None)
