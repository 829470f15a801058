"""The models of one build together: one for each encoder that has texts to encode, those that it makes in one group."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from sparse_index.cluster.client import Cluster
from sparse_index.config.vectors import VectorField
from sparse_index.ml import verbs
from sparse_index.ml.groups import create_group
from sparse_index.ml.life import Life, life_of
from sparse_index.ml.verbs import Removal
from sparse_index.ml.waits import Started, WaitKind, WaitStatus
from sparse_index.ml.watching import Watched, watch
from sparse_index.names import parse_group
from sparse_index.timing import REAL_TIME, Timing


@dataclass(frozen=True)
class BuildModels:
    """`group`: the name of the build's model group, the mark of all that the build makes. `lives`: by the fingerprint of the
    encoder, by which every answer here tells the models apart too."""

    group: str
    lives: Mapping[str, Life]

    @property
    def makes_some(self) -> bool:
        """Whether any of them is not there yet; else there is nothing to make and nothing to remove."""
        return any(life.source for life in self.lives.values())

    def name_of(self, fingerprint: str) -> str:
        """Of the encoder's model, for people."""
        origin = self.lives[fingerprint].origin
        return f"{origin.model.name} {origin.model.version}" if origin else "The model that was given"

    def only(self, fingerprints: Collection[str]) -> BuildModels:
        return BuildModels(self.group, {each: self.lives[each] for each in fingerprints})

    def create_group(self, cluster: Cluster) -> str:
        """The id of the group, made if there is none; "" where none is needed."""
        if not self.makes_some:
            return ""
        owner = parse_group(self.group)
        description = f"Build {owner.build_id} of search index '{owner.alias}'" if owner else self.group
        return create_group(cluster, self.group, description)

    def register(self, cluster: Cluster, group_id: str) -> dict[str, Started]:
        """Begin the registrations, or adopt what an earlier attempt registered: never two of one model."""
        return self._once_a_model(lambda fingerprint: self.lives[fingerprint].register(cluster, group_id))

    def deploy(self, cluster: Cluster, model_ids: Mapping[str, str]) -> dict[str, Started]:
        return self._once_a_model(lambda fingerprint: self.lives[fingerprint].deploy(cluster, model_ids[fingerprint]))

    def _once_a_model(self, begin: Callable[[str], Started]) -> dict[str, Started]:
        """Encoders that differ by their pruning alone, say, share one model."""
        begun: dict[str, Started] = {}
        for fingerprint, life in self.lives.items():
            twin = next((each for each in begun if life.source and self.lives[each].source == life.source), None)
            begun[fingerprint] = begin(fingerprint) if twin is None else begun[twin]
        return begun

    def watched(self, kind: WaitKind, started: Mapping[str, Started], *, now: float) -> Watched:
        """What was started, to be waited for; `now`: epoch seconds. A model that was given is done from the first."""
        waits, seen = {}, {}
        for fingerprint, each in started.items():
            wait = self.lives[fingerprint].wait(kind, each, now=now)
            if wait is None:
                seen[fingerprint] = WaitStatus(state="done", detail="there already", model_id=each.model_id)
            else:
                waits[fingerprint] = wait
        return Watched(waits=waits, seen=seen)

    def undeploy(self, cluster: Cluster, timing: Timing = REAL_TIME) -> list[str]:
        """Free the memory that the build's models hold; gives their ids."""
        return verbs.undeploy_group(cluster, self.group, timing) if self.makes_some else []

    def delete_models(self, cluster: Cluster, timing: Timing = REAL_TIME, *, settled: bool = False) -> Removal:
        """`settled`: nothing that could still make or deploy one is in flight."""
        return verbs.delete_models(cluster, self.group, timing, settled=settled) if self.makes_some else Removal((), ())

    def delete_group(self, cluster: Cluster, timing: Timing = REAL_TIME) -> None:
        if self.makes_some:
            verbs.delete_group(cluster, self.group, timing)

    def remains(self, cluster: Cluster) -> list[str]:
        """What of the build is in the cluster now, in words."""
        return verbs.remains(cluster, self.group) if self.makes_some else []


def build_models(group: str, encoders: Mapping[str, VectorField]) -> BuildModels:
    """`encoders`: of each fingerprint, a vector field that has it."""
    return BuildModels(group, {fingerprint: life_of(field) for fingerprint, field in encoders.items()})


def deployed(cluster: Cluster, models: BuildModels, timing: Timing = REAL_TIME) -> dict[str, str]:
    """Register and deploy the models and wait for all; gives their ids by fingerprint."""
    started = models.register(cluster, models.create_group(cluster))
    registered = _awaited(cluster, models, "register", started, timing)
    return _awaited(cluster, models, "deploy", models.deploy(cluster, registered), timing)


def _awaited(
    cluster: Cluster, models: BuildModels, kind: WaitKind, started: Mapping[str, Started], timing: Timing
) -> dict[str, str]:
    watched = models.watched(kind, started, now=timing.now().timestamp())
    return watch(cluster, watched, timing=timing).model_ids()


def remove(cluster: Cluster, models: BuildModels, timing: Timing = REAL_TIME, *, settled: bool = False) -> Removal:
    """All that the build made of its models."""
    removal = models.delete_models(cluster, timing, settled=settled)
    models.delete_group(cluster, timing)
    return removal
