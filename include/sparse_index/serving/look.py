"""One look at all that the queries of a corpus need; changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.served import is_served
from sparse_index.config.vectors import VectorField
from sparse_index.creation.mapping import vector_properties
from sparse_index.errors import AccessError, ConfigError, TerminalError
from sparse_index.live.attached import named_pipeline
from sparse_index.live.generations import own_indices
from sparse_index.ml import verbs
from sparse_index.ml.groups import find_groups, models_called
from sparse_index.ml.life import REMOTE, encoder_fingerprint
from sparse_index.ml.predict import answers_as
from sparse_index.ml.served import outage, served_models
from sparse_index.ml.states import ModelState
from sparse_index.names import pipeline_owner
from sparse_index.query.default_pipeline import require_served_fields
from sparse_index.query.pipelines import DEEPENING, models_named
from sparse_index.query.rerank import reranks
from sparse_index.serving.needs import RERANK, Need, given_models, needs_of
from sparse_index.serving.seen import Seen, SeenIndex, SeenModel
from sparse_index.serving.state import Memory, recall
from sparse_index.store.files import Store


def look(cluster: Cluster, config: CorpusConfig, store: Store) -> Seen:
    """ConfigError when a model that queries need is none that can be served, its `outage` while it is deployed again. A corpus
    with nothing to serve may have had."""
    if is_served(config):
        require_served_fields(config)
    needs, memory = tuple(needs_of(config)), recall(store, config.alias)
    # A corpus that says nothing of its searches has none put to its models by the cluster.
    given = given_models(config) if is_served(config) else {}
    for purpose, model_id in given.items():
        _require_answering(cluster, purpose, model_id)
    pipelines: Json = cluster.find("/_search/pipeline") or {}
    indices = tuple(_indices(cluster, config))
    return Seen(
        config=config,
        needs=needs,
        given=given,
        models={need.group: tuple(_models(cluster, need)) for need in needs} | _former(cluster, memory, needs),
        pipelines=pipelines,
        indices=indices,
        memory=memory,
        answering=dict(_answering(cluster, config.alias, pipelines, indices)),
        doubled=frozenset(need.group for need in needs if len(find_groups(cluster, need.group)) > 1),
        deepens=config.search.rerank is not None and deepens(cluster),
    )


def _require_answering(cluster: Cluster, purpose: str, model_id: str) -> None:
    asks = reranks if purpose == RERANK else model_answers
    if asks(cluster, model_id) is not True:
        passing = outage(model_id, verbs.get_model(cluster, model_id), f"What serves '{purpose}'")
        raise passing or ConfigError(
            f"Model {model_id}, which is not ours, serves '{purpose}' and does not answer. Deploy it: POST "
            f"{verbs.ML}/models/{model_id}/_deploy; or correct its id."
        )


def _models(cluster: Cluster, need: Need) -> Iterator[SeenModel]:
    """Only the one that serves is asked: the others will be deleted."""
    chosen = False
    for model_id, document in served_models(cluster, need.source.model, need.content_sha256).items():
        registered = document.get("model_state") != ModelState.REGISTERING
        asked = registered and not chosen
        chosen = chosen or registered
        yield SeenModel(model_id, registered, asked and need.answers(cluster, model_id))


def _former(cluster: Cluster, memory: Memory, needs: tuple[Need, ...]) -> dict[str, tuple[SeenModel, ...]]:
    """What groups hold that queries needed once."""
    found: dict[str, tuple[SeenModel, ...]] = {}
    for group in sorted(set(memory.groups) - {need.group for need in needs}):
        models = models_called(cluster, group)
        found[group] = tuple(SeenModel(model_id, registered=True, answers=False) for model_id in models)
    return found


def _indices(cluster: Cluster, config: CorpusConfig) -> Iterator[SeenIndex]:
    own = own_indices(cluster, config.alias)
    fingerprints = {name: _fingerprint(cluster, field) for name, field in config.vector_fields.items()}
    for index in own:
        alike = frozenset(_alike(config, index.attached.mapping))
        encoded = all(index.meta.fingerprint_of(name) == one for name, one in fingerprints.items())
        yield SeenIndex(
            name=index.name,
            live=index.live,
            kept=index.live or index.is_generation,
            pipeline=named_pipeline(index.attached.settings),
            fits=encoded and index.meta.encoders == set(fingerprints.values()) and alike == fingerprints.keys(),
            alike=alike,
        )


def _fingerprint(cluster: Cluster, field: VectorField) -> str | None:
    """None where the model is gone, or its file, and nobody can say what made an index."""
    try:
        return encoder_fingerprint(cluster, field)
    except AccessError:
        raise
    except TerminalError:
        return None


def _alike(config: CorpusConfig, mapping: Json) -> Iterator[str]:
    """The vector fields that an index with this mapping has as the configuration wants them: any other refuses the query."""
    wanted: Json = {"properties": vector_properties(config)}
    for name, field in config.vector_fields.items():
        if all(_shape(mapping, path) == _shape(wanted, path) for path in (name, field.path(name))):
            yield name


def _shape(mapping: Json, path: str) -> tuple[Any, Any]:
    """The type of a field, and how many numbers its vectors have."""
    for name in path.split("."):
        mapping = mapping.get("properties", {}).get(name, {})
    return mapping.get("type"), mapping.get("dimension")


def _answering(
    cluster: Cluster, alias: str, pipelines: Mapping[str, Json], indices: tuple[SeenIndex, ...]
) -> Iterator[tuple[str, bool | None]]:
    named = {index.pipeline for index in indices if index.pipeline and pipeline_owner(index.pipeline) == alias}
    for model_id in sorted({one for name in named & pipelines.keys() for one in models_named(pipelines[name])}):
        yield model_id, model_answers(cluster, model_id)


def model_answers(cluster: Cluster, model_id: str) -> bool | None:
    """None when it is gone; one that refuses a text alone, or stands behind a connector, counts as answering."""
    document = verbs.get_model(cluster, model_id)
    if document is None:
        return None
    function = str(document.get("algorithm"))
    try:
        return function == REMOTE or answers_as(cluster, model_id, function)
    except AccessError:
        raise
    except TerminalError:
        return True


def deepens(cluster: Cluster) -> bool:
    """Whether every node has what a search needs to re-rank more hits than it gives."""
    answer: Json = cluster.get("/_nodes/search_pipelines", filter_path="nodes.*.search_pipelines")
    nodes = [node["search_pipelines"] for node in answer.get("nodes", {}).values()]
    known = [{processor["type"] for kind in node.values() for processor in kind} for node in nodes]
    return bool(known) and all(types >= DEEPENING for types in known)
