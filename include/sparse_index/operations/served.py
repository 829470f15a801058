"""What serving has left: search pipelines that no index names, shared models that nothing refers to.

Serving tidies up after itself where it runs; a corpus that has nothing to serve any more has no such run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.neighbours import Neighbours
from sparse_index.errors import ConfigError, SparseIndexError
from sparse_index.operations.cleanup import Action, Kind
from sparse_index.operations.sightings import Clusters, Runs
from sparse_index.serving.act import Serving, delete_group, delete_pipeline
from sparse_index.serving.decide import Verb, decide
from sparse_index.serving.state import concerns
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME, Timing

_NOBODY = Neighbours()
_KINDS = {Verb.DELETE_PIPELINE: Kind.PIPELINE, Verb.DELETE_GROUP: Kind.SERVED}


def unneeded(
    clusters: Clusters, store: Store, configs: Sequence[CorpusConfig], timing: Timing = REAL_TIME
) -> tuple[list[Action], list[str]]:
    """What may go, and what could not be looked at, in words."""
    actions: list[Action] = []
    doubts: list[str] = []
    for config in configs:
        try:
            actions += _unneeded(clusters, store, config, timing)
        except SparseIndexError as error:
            doubts.append(f"what serves queries of '{config.alias}' could not be looked at, and stays: {error.message}")
    return actions, doubts


def _unneeded(clusters: Clusters, store: Store, config: CorpusConfig, timing: Timing) -> Iterator[Action]:
    if not concerns(store, config):
        return
    for step in decide(Serving(serving_cluster(clusters, config), store, config, timing).seen()).steps:
        if step.verb in _KINDS:
            yield Action(kind=_KINDS[step.verb], alias=config.alias, name=step.name, reason=step.reason)


def remove(
    clusters: Clusters,
    store: Store,
    configs: Sequence[CorpusConfig],
    action: Action,
    runs: Runs | None,
    timing: Timing = REAL_TIME,
    beside: Neighbours = _NOBODY,
) -> list[str]:
    """Why it stays after all, in words; nothing when it is gone. `beside`: the corpora of other stores, too: a shared model knows
    no stores."""
    config = next(config for config in configs if config.alias == action.alias)
    goes_on = None if runs is None else runs.goes_on
    serving = Serving(serving_cluster(clusters, config), store, config, timing, beside.and_those(configs), goes_on)
    delete = delete_pipeline if action.kind is Kind.PIPELINE else delete_group
    kept = delete(serving, action.name)
    return [] if kept is None else [f"{action.name} stays: {kept}"]


def serving_cluster(clusters: Clusters, config: CorpusConfig) -> Cluster:
    """As the account sees it that may delete search pipelines."""
    connection = config.serving_connection or config.connection
    if connection not in clusters:
        raise ConfigError(f"connection '{connection}' cannot be opened")
    return clusters[connection]
