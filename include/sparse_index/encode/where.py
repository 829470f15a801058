"""Where a field's texts are encoded: by the cluster's nodes, or in this process (`encoder.run_on`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster
from sparse_index.cluster.cores import ml_cores
from sparse_index.config.encoder import EncoderConfig
from sparse_index.config.vectors import VectorField
from sparse_index.encode.governor import Governor, beside_searches, in_own_process, own_model
from sparse_index.encode.own_cores import own_cores
from sparse_index.encode.own_process import LoadedModel, load_model
from sparse_index.encode.predict import Predictor
from sparse_index.errors import ModelError
from sparse_index.ml import served
from sparse_index.ml.life import PerRun, encoder_fingerprint, life_of
from sparse_index.store.files import Store
from sparse_index.vectors.kind import VectorKind
from sparse_index.vectors.kinds import vector_kind
from sparse_index.vectors.probe import Probe, kept_probes

# A plan waits for no model that does not answer.
PROBE_TIMEOUT_S = 10.0


class WorkerPredictor(Predictor):
    """Asks a model in this process; the cluster's, whose id it has, is not asked and may be gone."""

    def __init__(self, cluster: Cluster, model_id: str, kind: VectorKind, model: LoadedModel, request_timeout_s: float):
        super().__init__(cluster, model_id, kind, request_timeout_s)
        self.model = model

    def _outputs(self, texts: Sequence[str]) -> Sequence[Any]:
        return self.model(texts)


@dataclass(frozen=True)
class Running:
    """Who encodes, how many requests of how many texts at once, and the index whose searches suffer from it (None: none's)."""

    predictor: Predictor
    governor: Governor
    docs_per_request: int
    searched: str | None


def running(cluster: Cluster, store: Store, plan: Plan, name: str, model_id: str, cores: int) -> Running:
    """For the vector field `name`; `cores`: of the cluster's nodes. `ModelError` when the model is gone."""
    field = plan.config.vector_fields[name]
    tasks = max(1, min(plan.config.parallel_tasks, len(plan.encode_parts)))
    if field.encoder.run_on == "worker":
        return _in_this_process(_proven_here(cluster, store, plan, name, model_id), field.encoder, tasks)
    predictor = in_cluster(cluster, field, model_id)
    predictor.require_model()
    governor = beside_searches if life_of(field).serves_queries(cluster, plan.config) else own_model
    return Running(predictor, governor(cores, tasks), field.encoder.docs_per_request, plan.live_index)


def _proven_here(cluster: Cluster, store: Store, plan: Plan, name: str, model_id: str) -> WorkerPredictor:
    kept = kept_probes(store, plan.fingerprint_of(name), vector_kind(plan.config.vector_fields[name]))
    return on_worker(cluster, store, plan, name, model_id, kept)


def _in_this_process(predictor: WorkerPredictor, encoder: EncoderConfig, tasks: int) -> Running:
    """Half a chunk in flight: the more texts at once, the less of a batch is padding, and what a kill costs stays a chunk."""
    governor = in_own_process(own_cores(), tasks, on_gpu=predictor.model.on_gpu)
    docs = max(encoder.docs_per_request, encoder.chunk_docs // (2 * governor.ceiling))
    return Running(predictor, governor, docs, None)


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
        return _in_this_process(_proven_here(cluster, store, plan, name, "none"), field.encoder, 1)
    if isinstance(life, PerRun):
        return NotAtHand(f"the model of '{name}' is registered only when it is needed")
    timeout_s = min(field.encoder.request_timeout_s, PROBE_TIMEOUT_S)
    model_id = served.find(cluster, field, life.content_sha256(cluster), timeout_s)
    if model_id is None:
        return NotAtHand(f"the model of '{name}' does not answer")
    governor = beside_searches if life.serves_queries(cluster, plan.config) else own_model
    predictor = Predictor(cluster, model_id, vector_kind(field), timeout_s, ours=False)
    return Running(predictor, governor(ml_cores(cluster), 1), field.encoder.docs_per_request, None)


def in_cluster(cluster: Cluster, field: VectorField, model_id: str) -> Predictor:
    ours = life_of(field).source is not None
    return Predictor(cluster, model_id, vector_kind(field), field.encoder.request_timeout_s, ours=ours)


def on_worker(
    cluster: Cluster, store: Store, plan: Plan, name: str, model_id: str, probes: Sequence[Probe]
) -> WorkerPredictor:
    """`ModelError` when the zip is another one than was planned, or says something else of the texts of `probes` here."""
    field = plan.config.vector_fields[name]
    require_planned(plan, name, encoder_fingerprint(cluster, field))
    kind = vector_kind(field)
    model = load_model(store, field.encoder, kind, probes)
    return WorkerPredictor(cluster, model_id, kind, model, field.encoder.request_timeout_s)


def require_planned(plan: Plan, name: str, found: str) -> None:
    """`ModelError` unless `found`, the fingerprint of who would encode for the vector field, is the planned one."""
    planned = plan.fingerprint_of(name)
    if found != planned:
        raise ModelError(
            f"The model's zip of vector field '{name}' was exchanged after the plan of build {plan.build_id} (fingerprint "
            f"{found}, planned {planned}). Trigger a new run; to go on with the former one, put it back before."
        )
