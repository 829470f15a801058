"""Shared models: what queries are encoded with, kept by serving, found by the name of their group and their own hash.

Only within serving groups: the model of a build has the same name and the same content, and goes with its build.
"""

from __future__ import annotations

import hashlib

import orjson

from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.encoder import ExistingModel, OwnModel
from sparse_index.config.vectors import VectorField
from sparse_index.errors import ConfigError, UnavailableError
from sparse_index.ml import verbs
from sparse_index.ml.groups import models_called, search
from sparse_index.ml.predict import answers
from sparse_index.ml.states import MODEL_HELD, ModelState
from sparse_index.names import SERVING_MARK, serving_group_name
from sparse_index.vectors.kinds import vector_kind

# What a person does about one that is not there.
RUN_SERVING = (
    "run the serving DAG first (unpause sparse_index__<corpus>__serving), or `python -m sparse_index serve FILE`"
)


def serving_group(model: OwnModel, content_sha256: str | None) -> str:
    """The group of this model, shared by every corpus that needs the same. `content_sha256`: of its zip; None for one of the
    catalogue, whose name and version stand for its content.

    What ML Commons is told beside the zip makes another model of it: then it counts as content, too.
    """
    told = model.model_dump(include={"model_config_body"}, exclude_none=True)
    if content_sha256 is not None and not told:
        return serving_group_name(model.name, content_sha256)
    identity = told | {"content": content_sha256 or model.model_dump(include={"name", "version", "model_format"})}
    digest = hashlib.sha256(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return serving_group_name(model.name, digest)


def serving_groups(cluster: Cluster) -> list[str]:
    """The names of all groups of shared models, whichever corpus made them."""
    hits = search(cluster, "model_groups", {"prefix": {"name.keyword": SERVING_MARK}})
    return sorted({str(hit["_source"].get("name", "")) for hit in hits})


def served_models(cluster: Cluster, model: OwnModel, content_sha256: str | None) -> dict[str, Json]:
    """Model id -> document of each that is this model in its serving group, half registered ones too, the oldest first: of
    several that were registered at once that one stays."""
    return {
        model_id: document
        for model_id, document in models_called(cluster, serving_group(model, content_sha256)).items()
        if document.get("name") == model.name
        and content_sha256 in (None, document.get("model_content_hash_value", content_sha256))
    }


def find(
    cluster: Cluster, field: VectorField, content_sha256: str | None, timeout_s: float | None = None
) -> str | None:
    """The id of the model that encodes for `field` and answers now: the one its corpus names, or the shared one; None when
    there is none. `content_sha256`: see `serving_group`; `timeout_s`: of the question to each, None: the client's own."""
    known, kind = _known(cluster, field, content_sha256), vector_kind(field)
    return next((model_id for model_id in known if answers(cluster, model_id, kind, timeout_s)), None)


def require(cluster: Cluster, field: VectorField, content_sha256: str | None, whose: str) -> str:
    """What `find_or_outage` does; ConfigError where there is none, or it is not deployed."""
    found = find_or_outage(cluster, field, content_sha256, whose)
    if found is None:
        raise ConfigError(f"{whose} does not answer: {RUN_SERVING}.")
    return found


def find_or_outage(cluster: Cluster, field: VectorField, content_sha256: str | None, whose: str) -> str | None:
    """What `find` finds, or the `outage` of what it does not find, raised. `whose`: the model in words."""
    found = find(cluster, field, content_sha256)
    if found is None:
        for model_id in _known(cluster, field, content_sha256):
            passing = outage(model_id, verbs.get_model(cluster, model_id), whose)
            if passing is not None:
                raise passing
    return found


def outage(model_id: str, document: Json | None, whose: str) -> UnavailableError | None:
    """What to raise of a model that is silent and that its `document` says is deployed: when a node has started again ML
    Commons deploys it again, too, and the document says so 20 s before. None of any other. `whose`: the model in words."""
    if (document or {}).get("model_state") not in MODEL_HELD:
        return None
    return UnavailableError(
        f"{whose} does not answer for now: model {model_id} is said to be deployed, which takes a while after a node's "
        f"restart. If it stays so, {RUN_SERVING}, or deploy it: POST {verbs.ML}/models/{model_id}/_deploy"
    )


def _known(cluster: Cluster, field: VectorField, content_sha256: str | None) -> list[str]:
    model = field.encoder.model
    if isinstance(model, ExistingModel):
        return [model.model_id]
    documents = served_models(cluster, model, content_sha256)
    return [model_id for model_id, one in documents.items() if one.get("model_state") != ModelState.REGISTERING]
