"""Where a field's texts are encoded: by the cluster's nodes, or in this process (`encoder.run_on`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster
from sparse_index.cluster.cores import ml_cores
from sparse_index.config.vectors import VectorField
from sparse_index.encode.governor import Governor, beside_searches, own_model
from sparse_index.encode.own_process import LoadedModel, load_model
from sparse_index.encode.predict import Predictor
from sparse_index.errors import ModelError
from sparse_index.ml import served
from sparse_index.ml.life import PerRun, encoder_fingerprint, life_of
from sparse_index.store.files import Store
from sparse_index.vectors.kind import VectorKind
from sparse_index.vectors.kinds import vector_kind

# A plan waits for no model that does not answer.
PROBE_TIMEOUT_S = 10.0


class WorkerPredictor(Predictor):
    """Asks a model in this process; the cluster's, whose id it has, is not asked and may be gone."""

    def __init__(self, cluster: Cluster, model_id: str, kind: VectorKind, model: LoadedModel, request_timeout_s: float):
        super().__init__(cluster, model_id, kind, request_timeout_s)
        self._model = model

    def _outputs(self, texts: Sequence[str]) -> Sequence[Any]:
        return [self._model(text) for text in texts]


@dataclass(frozen=True)
class Running:
    """Who encodes, how much of it at once, and the index whose searches suffer from it (None: none's)."""

    predictor: Predictor
    governor: Governor
    searched: str | None


def running(cluster: Cluster, store: Store, plan: Plan, name: str, model_id: str, cores: int) -> Running:
    """For the vector field `name`; `cores`: of the cluster's nodes. `ModelError` when the model is gone."""
    field = plan.config.vector_fields[name]
    tasks = max(1, min(field.encoder.parallel_tasks, len(plan.encode_parts)))
    if field.encoder.run_on == "worker":
        return Running(on_worker(cluster, store, plan, name, model_id), own_model(os.cpu_count() or 1, tasks), None)
    predictor = in_cluster(cluster, field, model_id)
    predictor.require_model()
    governor = beside_searches if life_of(field).serves_queries else own_model
    return Running(predictor, governor(cores, tasks), plan.live_index)


@dataclass(frozen=True)
class NotAtHand:
    """Nobody can encode before the build itself makes it so."""

    why: str


def at_hand(cluster: Cluster, store: Store, plan: Plan, name: str, *, encodes_here: bool) -> Running | NotAtHand:
    """Who would encode for the vector field `name`, with as much at once as all of a build's tasks together begin with, where
    that needs no model to be registered. `encodes_here`: workers' models are loaded in this process.
    """
    field = plan.config.vector_fields[name]
    life = life_of(field)
    if field.encoder.run_on == "worker":
        if not encodes_here:
            return NotAtHand(f"the workers that encode for '{name}' are others than this one")
        return Running(on_worker(cluster, store, plan, name, "none"), own_model(os.cpu_count() or 1, 1), None)
    if isinstance(life, PerRun):
        return NotAtHand(f"the model of '{name}' is registered only when it is needed")
    model_id = served.find(cluster, field, life.content_sha256(cluster))
    if model_id is None:
        return NotAtHand(f"the model of '{name}' does not answer")
    governor = beside_searches if life.serves_queries else own_model
    kind, timeout_s = vector_kind(field), min(field.encoder.request_timeout_s, PROBE_TIMEOUT_S)
    return Running(Predictor(cluster, model_id, kind, timeout_s, ours=False), governor(ml_cores(cluster), 1), None)


def in_cluster(cluster: Cluster, field: VectorField, model_id: str) -> Predictor:
    ours = life_of(field).source is not None
    return Predictor(cluster, model_id, vector_kind(field), field.encoder.request_timeout_s, ours=ours)


def on_worker(cluster: Cluster, store: Store, plan: Plan, name: str, model_id: str) -> Predictor:
    """`ModelError` when the zip is another one than was planned."""
    field = plan.config.vector_fields[name]
    found, planned = encoder_fingerprint(cluster, field), plan.fingerprint_of(name)
    if found != planned:
        raise ModelError(
            f"The model's zip of vector field '{name}' was exchanged after the plan of build {plan.build_id} (fingerprint "
            f"{found}, planned {planned}). Put the former one back and clear this task, or trigger a new run."
        )
    kind = vector_kind(field)
    model = load_model(store, field.encoder, kind)
    return WorkerPredictor(cluster, model_id, kind, model, field.encoder.request_timeout_s)
