"""How long an encoder's model lives: what a build makes of it, and what it must leave alone. Only here is it known.

PerRun   a build registers it under its mark, deploys it, and removes it
Given    it was there before us, remote connectors too: it is used, and otherwise left alone
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sparse_index.cluster.client import Cluster
from sparse_index.config.encoder import EncoderConfig, ExistingModel
from sparse_index.config.vectors import VectorField, fingerprint
from sparse_index.errors import ConfigError
from sparse_index.ml import verbs
from sparse_index.ml.sources import Source, source_of
from sparse_index.ml.states import MODEL_DEPLOYED
from sparse_index.ml.verbs import Removal
from sparse_index.ml.waits import Started, Wait, WaitKind, wait_for, wait_until
from sparse_index.names import parse_group
from sparse_index.timing import REAL_TIME, Timing
from sparse_index.vectors.kinds import vector_kind

# What ML Commons calls any model behind a connector.
_REMOTE = "REMOTE"


@dataclass(frozen=True)
class PerRun:
    """`group`, wherever it is asked for, is the name of a build's model group: the mark of all that the build makes."""

    encoder: EncoderConfig
    source: Source

    def content_sha256(self, _: Cluster) -> str | None:
        return self.source.content_sha256()

    def require_usable(self, _: Cluster) -> None:
        self.source.require_usable()

    def create_group(self, cluster: Cluster, group: str) -> str:
        """The id of the group, made if there is none."""
        owner = parse_group(group)
        description = f"Build {owner.build_id} of search index '{owner.alias}'" if owner else group
        return verbs.create_group(cluster, group, description)

    def register(self, cluster: Cluster, group_id: str) -> Started:
        return verbs.register(cluster, self.source, group_id)

    def deploy(self, cluster: Cluster, model_id: str) -> Started:
        return Started(verbs.deploy(cluster, model_id), model_id)

    def wait(self, kind: WaitKind, started: Started, *, now: float) -> Wait | None:
        """How long to wait for what was started; `now`: epoch seconds."""
        deadlines = {"register": self.encoder.register_deadline_s, "deploy": self.encoder.deploy_deadline_s}
        return wait_for(kind, deadlines[kind], now=now, **asdict(started))

    def used(self, deployed: str) -> str:
        """The id of the model that encodes; `deployed`: of the one that the run deployed."""
        return deployed

    def undeploy(self, cluster: Cluster, group: str, timing: Timing = REAL_TIME) -> list[str]:
        """Free the memory that the build's models hold; gives their ids."""
        return verbs.undeploy_group(cluster, group, timing)

    def delete_models(self, cluster: Cluster, group: str, timing: Timing = REAL_TIME) -> Removal:
        return verbs.delete_models(cluster, group, timing)

    def delete_group(self, cluster: Cluster, group: str, timing: Timing = REAL_TIME) -> None:
        verbs.delete_group(cluster, group, timing)

    def remains(self, cluster: Cluster, group: str) -> list[str]:
        """What of the build is in the cluster now, in words."""
        return verbs.remains(cluster, group)


@dataclass(frozen=True)
class Given:
    """There is nothing to begin, to wait for or to remove. `source` None: we take it from nowhere, it is not ours.
    `function`: what ML Commons has to know it as."""

    model_id: str
    function: str
    source: None = None

    def content_sha256(self, cluster: Cluster) -> str | None:
        """As the model's document has it; a remote one has none."""
        document = cluster.get(f"{verbs.ML}/models/{self.model_id}")
        sha256: str | None = document.get("model_content_hash_value")
        return sha256

    def require_usable(self, cluster: Cluster) -> None:
        """Encoding waits for one that is on its way: ML Commons deploys models again after a restart."""
        document = verbs.get_model(cluster, self.model_id)
        if document is None:
            raise ConfigError(f"Model {self.model_id} does not exist. Correct `encoder.model.model_id`.")
        algorithm = document.get("algorithm")
        if algorithm not in (self.function, _REMOTE):
            raise ConfigError(
                f"Model {self.model_id} is {algorithm}, its vector field needs {self.function}. Correct the field's `kind` or "
                "`encoder.model.model_id`."
            )
        # A remote model is deployed by its first request.
        if algorithm != _REMOTE and document.get("model_state") not in MODEL_DEPLOYED:
            raise ConfigError(
                f"Model {self.model_id} is {document.get('model_state')}, and a model that is not ours is not deployed by "
                f"us. Deploy it: POST {verbs.ML}/models/{self.model_id}/_deploy"
            )

    def create_group(self, _: Cluster, group: str) -> str:
        return ""

    def register(self, _: Cluster, group_id: str) -> Started:
        return Started(model_id=self.model_id)

    def deploy(self, _: Cluster, model_id: str) -> Started:
        return Started(model_id=model_id)

    def wait(self, kind: WaitKind, started: Started, *, now: float) -> Wait | None:
        return None

    def used(self, deployed: str) -> str:
        return self.model_id

    def undeploy(self, _: Cluster, group: str, timing: Timing = REAL_TIME) -> list[str]:
        return []

    def delete_models(self, _: Cluster, group: str, timing: Timing = REAL_TIME) -> Removal:
        return Removal((), ())

    def delete_group(self, _: Cluster, group: str, timing: Timing = REAL_TIME) -> None:
        pass

    def remains(self, _: Cluster, group: str) -> list[str]:
        return []


Life = PerRun | Given


def life_of(field: VectorField) -> Life:
    model, function = field.encoder.model, vector_kind(field).function
    if isinstance(model, ExistingModel):
        return Given(model.model_id, function)
    return PerRun(field.encoder, source_of(model, function))


def encoder_fingerprint(cluster: Cluster, field: VectorField) -> str:
    """Reads the model file or the registered model where the content's hash comes from there."""
    return fingerprint(field, life_of(field).content_sha256(cluster))


def deployed(cluster: Cluster, life: Life, group: str, timing: Timing = REAL_TIME) -> str:
    """Register and deploy the model and wait for both; gives its id."""
    started = life.register(cluster, life.create_group(cluster, group))
    registered = _awaited(cluster, life, "register", started, timing)
    return _awaited(cluster, life, "deploy", life.deploy(cluster, registered), timing)


def _awaited(cluster: Cluster, life: Life, kind: WaitKind, started: Started, timing: Timing) -> str:
    wait = life.wait(kind, started, now=timing.now().timestamp())
    return wait_until(cluster, wait, timing=timing) if wait else str(started.model_id)


def remove(cluster: Cluster, life: Life, group: str, timing: Timing = REAL_TIME) -> Removal:
    """All that the build made of the model."""
    removal = life.delete_models(cluster, group, timing)
    life.delete_group(cluster, group, timing)
    return removal
