"""What keeps a cluster from taking an index: most of it passes, but not an engine that would end some of its nodes."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config
from fake_opensearch import fake_cluster
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.creation.hindrances import NATIVES, hindrances
from sparse_index.errors import ConfigError, UnavailableError

HEALTH = {"number_of_data_nodes": 1, "active_shards": 9, "initializing_shards": 0, "unassigned_shards": 0}


def faiss(**said: bool) -> CorpusConfig:
    encoder = {"model": {"source": "model_id", "model_id": "m"}}
    field = {"kind": "dense", "dimension": 3, "engine": "faiss", "encoder": encoder}
    return corpus_config("things", vectors={"v": field | said}, encoder=encoder)


def cluster(said: bool = False, natives: str | None = None, **settings: str) -> Cluster:
    attributes = {} if natives is None else {NATIVES: natives}
    answers: dict[str, Any] = {
        "/_cluster/settings": {"persistent": settings},
        "/_cluster/health/*": HEALTH,
        "/_nodes/os": {"nodes": {"n": {"name": "node-1", "attributes": attributes}}},
    }
    found = fake_cluster(lambda method, path, body: answers.get(path, {}))
    found.knn_natives = said
    return found


@pytest.mark.parametrize(("config", "said"), [(faiss(knn_natives=True), False), (faiss(), True)])
def test_the_corpus_file_or_the_connection_says_that_the_libraries_are_there(config: CorpusConfig, said: bool) -> None:
    assert hindrances(cluster(said), config) == []
    (problem,) = hindrances(cluster(said, "false"), config)
    assert problem.message.startswith(
        "vectors.v: engine is faiss, and node-1 has not the k-NN plugin's native libraries"
    )


def test_where_nobody_says_it_no_node_is_put_at_risk() -> None:
    (problem,) = hindrances(cluster(), faiss())
    assert isinstance(problem, ConfigError)
    assert problem.message.startswith("vectors.v: engine is faiss, which ends a node that lacks")
    assert problem.message.endswith(
        "say `knn_natives: true`, in the field or in the extra of the connection, if every data node has them"
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("cluster.routing.allocation.enable", "none"),
        ("cluster.blocks.create_index", "true"),
        ("cluster.max_shards_per_node", "9"),
        ("knn.circuit_breaker.triggered", "true"),
    ],
)
def test_what_is_set_for_a_while_or_shared_with_other_runs_is_tried_again(setting: str, value: str) -> None:
    (problem,) = hindrances(cluster(False, "true", **{setting: value}), faiss(knn_natives=True))
    assert isinstance(problem, UnavailableError)
    assert setting in problem.message
