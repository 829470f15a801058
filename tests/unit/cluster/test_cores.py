"""Which nodes run models, by their roles and the cluster's setting."""

from __future__ import annotations

from typing import Any

import pytest

from fake_opensearch import fake_cluster
from sparse_index.cluster.client import Cluster
from sparse_index.cluster.cores import ml_cores, model_nodes

DATA = {"data": ["data", "ingest"]}
ML = {"ml": ["ml"]}
LEADER = {"leader": ["cluster_manager"]}
CORES = {"data": 4, "ml": 2, "leader": 1}


def cluster_of(roles: dict[str, list[str]], ml_nodes_only: str) -> Cluster:
    def answer(method: str, path: str, body: Any) -> Any:
        if path == "/_cluster/settings":
            return {"defaults": {"plugins": {"ml_commons": {"only_run_on_ml_node": ml_nodes_only}}}}
        assert path == "/_nodes/os"
        nodes = {
            f"id of {name}": {"name": name, "roles": its, "os": {"allocated_processors": CORES[name]}}
            for name, its in roles.items()
        }
        return {"nodes": nodes}

    return fake_cluster(answer)


@pytest.mark.parametrize(
    ("roles", "ml_nodes_only", "named", "cores"),
    [
        (DATA | ML | LEADER, "true", {"ml"}, 2),
        (DATA | ML | LEADER, "false", {"data", "ml"}, 6),
        (DATA | LEADER, "false", {"data"}, 4),
        (DATA | LEADER, "true", set(), 5),
    ],
    ids=["ml nodes only", "mixed", "no ml node", "nowhere, but for connectors"],
)
def test_the_nodes_that_run_models(
    roles: dict[str, list[str]], ml_nodes_only: str, named: set[str], cores: int
) -> None:
    cluster = cluster_of(roles, ml_nodes_only)
    assert {node.name for node in model_nodes(cluster).values()} == named
    assert ml_cores(cluster) == cores
