"""How long an encoder's model lives: what a build makes of it, and what it must leave alone. Only here is it known.

PerRun   a build registers it under its mark, deploys it, and removes it
Shared   serving registered it and keeps it deployed, for queries: a build uses it, and otherwise leaves it alone
Given    it was there before us, remote connectors too: it is used, and otherwise left alone
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import ClassVar

from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import EncoderConfig, ExistingModel, PretrainedModel
from sparse_index.config.vectors import VectorField, fingerprint
from sparse_index.errors import ConfigError
from sparse_index.ml import served, verbs
from sparse_index.ml.sources import Source, source_of
from sparse_index.ml.states import MODEL_HELD
from sparse_index.ml.waits import Started, Wait, WaitKind, planned_nodes, wait_for
from sparse_index.vectors.kinds import vector_kind

# What ML Commons calls any model behind a connector.
REMOTE = "REMOTE"


@dataclass(frozen=True)
class PerRun:
    """One of the build's own models: it stands in the build's model group, with which it goes (`BuildModels`).

    `origin`: where whoever registers it takes it from. `serves_queries`: texts that a build encodes with the model compete
    with queries. `has_group`: the model is found by one.
    """

    encoder: EncoderConfig
    source: Source
    has_group: ClassVar[bool] = True

    @property
    def origin(self) -> Source:
        return self.source

    def serves_queries(self, _: Cluster, config: CorpusConfig) -> bool:
        return False

    def content_sha256(self, _: Cluster) -> str | None:
        return self.source.content_sha256()

    def require_usable(self, _: Cluster) -> None:
        self.source.require_usable()

    def register(self, cluster: Cluster, group_id: str) -> Started:
        return verbs.register(cluster, self.source, group_id)

    def deploy(self, cluster: Cluster, model_id: str) -> Started:
        return Started(verbs.deploy(cluster, model_id), model_id)

    def wait(self, kind: WaitKind, started: Started, *, now: float) -> Wait | None:
        """How long to wait for what was started; `now`: epoch seconds."""
        deadlines = {"register": self.encoder.register_deadline_s, "deploy": self.encoder.deploy_deadline_s}
        return wait_for(kind, deadlines[kind], now=now, model=self.source.model.name, **asdict(started))


class _Standing:
    """What was there before the build stays after it: there is nothing to wait for or to remove. `source`: None, a build
    takes it from nowhere. `require_usable` gives a warning where it works on fewer nodes than it should: a build of ours
    would not take such a deployment, but this one is somebody else's, and slower is better than not at all."""

    source: ClassVar[None] = None

    def deploy(self, _: Cluster, model_id: str) -> Started:
        return Started(model_id=model_id)

    def wait(self, kind: WaitKind, started: Started, *, now: float) -> Wait | None:
        return None


@dataclass(frozen=True)
class Shared(_Standing):
    """What serving took from its `origin`."""

    field: VectorField
    origin: Source
    has_group: ClassVar[bool] = True

    def serves_queries(self, _: Cluster, config: CorpusConfig) -> bool:
        return True

    def content_sha256(self, _: Cluster) -> str | None:
        return self.origin.content_sha256()

    def require_usable(self, cluster: Cluster) -> str | None:
        """Raises what `served.require` does unless it answers now."""
        self.origin.require_usable()
        model_id = self._model_id(cluster)
        return partly_deployed(model_id, verbs.get_model(cluster, model_id) or {})

    def register(self, cluster: Cluster, group_id: str) -> Started:
        return Started(model_id=self._model_id(cluster))

    def _model_id(self, cluster: Cluster) -> str:
        content = self.origin.content_sha256()
        group = served.serving_group(self.origin.model, content)
        return served.require(cluster, self.field, content, f"The shared model {self.origin.model.name} ({group})")


@dataclass(frozen=True)
class Given(_Standing):
    """`function`: what ML Commons has to know it as."""

    model_id: str
    function: str
    origin: ClassVar[None] = None
    has_group: ClassVar[bool] = False

    def serves_queries(self, cluster: Cluster, config: CorpusConfig) -> bool:
        """Those of this corpus. Behind a connector they are in nobody's way: it has a pool of its own, and none of the cores."""
        if self not in [life_of(config.vector_fields[name]) for name in config.model_side_fields]:
            return False
        return (verbs.get_model(cluster, self.model_id) or {}).get("algorithm") != REMOTE

    def content_sha256(self, cluster: Cluster) -> str | None:
        """As the model's document has it; a remote one has none."""
        document = cluster.get(f"{verbs.ML}/models/{self.model_id}")
        sha256: str | None = document.get("model_content_hash_value")
        return sha256

    def require_usable(self, cluster: Cluster) -> str | None:
        """Encoding waits for one that is on its way: ML Commons deploys models again after a restart."""
        document = verbs.get_model(cluster, self.model_id)
        if document is None:
            raise ConfigError(f"Model {self.model_id} does not exist. Correct `encoder.model.model_id`.")
        algorithm = document.get("algorithm")
        if algorithm not in (self.function, REMOTE):
            raise ConfigError(
                f"Model {self.model_id} is {algorithm}, its vector field needs {self.function}. Correct the field's `kind` or "
                "`encoder.model.model_id`."
            )
        # A remote model is deployed by its first request.
        if algorithm != REMOTE and document.get("model_state") not in MODEL_HELD:
            raise ConfigError(
                f"Model {self.model_id} is {document.get('model_state')}, and a model that is not ours is not deployed by "
                f"us. Deploy it: POST {verbs.ML}/models/{self.model_id}/_deploy"
            )
        return partly_deployed(self.model_id, document)

    def register(self, _: Cluster, group_id: str) -> Started:
        return Started(model_id=self.model_id)


Life = PerRun | Shared | Given


def partly_deployed(model_id: str, document: Json) -> str | None:
    """A warning where a model's document counts fewer nodes that have it than were to have it."""
    there, planned = int(document.get("current_worker_node_count") or 0), planned_nodes(document)
    if not 0 < there < planned:
        return None
    return (
        f"Model {model_id} is {document.get('model_state')} on {there} of {planned} nodes: texts and queries wait longer for it. "
        f"Look at the logs and the memory of the others, then deploy it again: POST {verbs.ML}/models/{model_id}/_deploy"
    )


def life_of(field: VectorField) -> Life:
    model, function = field.encoder.model, vector_kind(field).function
    if isinstance(model, ExistingModel):
        return Given(model.model_id, function)
    source = source_of(model, function)
    return Shared(field, source) if field.encoder.lifecycle == "shared" else PerRun(field.encoder, source)


def sources_of(lives: Iterable[Life]) -> list[Source]:
    """Of each model that a build makes of these: encoders that differ by their pruning alone, say, share one."""
    found: list[Source] = []
    for life in lives:
        if life.source is not None and life.source not in found:
            found.append(life.source)
    return found


def encoder_fingerprint(cluster: Cluster, field: VectorField) -> str:
    """Reads the model file or the registered model where the content's hash comes from there."""
    return fingerprint(field, life_of(field).content_sha256(cluster))


def deployed_fingerprint(cluster: Cluster, field: VectorField, model_id: str) -> str:
    """`encoder_fingerprint` of what is deployed: a file that was exchanged while it was registered may be the former one again.
    Of a model whose document does not tell its content, that of the model file."""
    content = (verbs.get_model(cluster, model_id) or {}).get("model_content_hash_value")
    if content is None or isinstance(field.encoder.model, PretrainedModel):
        return encoder_fingerprint(cluster, field)
    return fingerprint(field, content)
