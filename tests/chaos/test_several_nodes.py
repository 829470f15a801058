"""P3 and P6 on several nodes: two hold data, each in a zone of its own, a third runs the models; each is killed in a build."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from build_plans import remove_indices
from chaos_table import ChaosTable, dice, whole_form
from faulty_proxy import faulty_proxy
from local_cluster import LocalCluster, start
from local_cluster.ports import find_free
from own_servers import ended_with_this_process
from promises import check_promises
from real_builds import Row, documents, live_plan, real_config, rows, write_corpus
from sparse_index.builds.plan import BuildKind
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.cluster.cores import ml_cores
from sparse_index.config.corpus import CorpusConfig
from sparse_index.store.files import Store
from under_fire import Assassin, connected, run, run_under_fire

pytestmark = [pytest.mark.integration, pytest.mark.chaos, whole_form]
COUNT = 60
CHANGED = 16
DATA = "data, ingest"
# Where each of them was at work when it was killed; it comes back after so many seconds.
KILLS = [("ml", "_predict", 5.0), ("two", "_bulk", 5.0), ("two", "_clone", 5.0)]
STAGES = {"_predict": "encode", "_bulk": "bulk", "_clone": "clone"}


@dataclass(frozen=True)
class Nodes:
    """By name: `one` also leads the cluster and is never killed."""

    running: dict[str, LocalCluster]

    @property
    def settings(self) -> ConnectionSettings:
        leader = self.running["one"]
        return ConnectionSettings(host=leader.host, port=leader.port, use_ssl=False)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    home, seed = tmp_path_factory.mktemp("nodes"), find_free()
    first = {"transport.port": str(seed), "cluster.initial_cluster_manager_nodes": '["one"]', "node.attr.zone": "a"}
    with ExitStack() as stack:
        running: dict[str, LocalCluster] = {}
        for name, roles, more in (
            ("one", f"cluster_manager, {DATA}", first),
            ("two", DATA, {"node.attr.zone": "b"}),
            ("ml", "ml", {}),
        ):
            stack.enter_context(ended_with_this_process(home / name))
            settings = settings_of(name, roles, seed) | more
            running[name] = start(home / name, "plain", heap="768m", quick_start=True, settings=settings)
        yield Nodes(running)


def settings_of(name: str, roles: str, seed: int) -> dict[str, str]:
    return {
        "node.name": name,
        "node.roles": f"[{roles}]",
        "discovery.type": "zen",
        "discovery.seed_hosts": f'["127.0.0.1:{seed}"]',
        "cluster.routing.allocation.awareness.attributes": "zone",
        # Others' builds fill the disk of this machine.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }


@pytest.fixture
def cluster(nodes: Nodes) -> Cluster:
    return connected(nodes.running["one"])


@pytest.fixture
def config(cluster: Cluster, tmp_path: Path) -> Iterator[CorpusConfig]:
    encoder = {"chunk_docs": 8, "docs_per_request": 2}
    alias = f"chaos-nodes-{uuid4().hex[:6]}"
    yield real_config(alias, tmp_path, encoder=encoder, index={"replicas": 1}, cluster_settings="ensure")
    remove_indices(cluster, alias)


def edition(number: int) -> list[Row]:
    """Each has other texts in the first rows."""
    return [row | {"body": f"edition {number} of {n}"} if n < CHANGED else row for n, row in enumerate(rows(COUNT))]


def shards(cluster: Cluster, index: str) -> set[tuple[str, str, str]]:
    """(p or r, state, node) of each copy."""
    cluster.get(f"/_cluster/health/{index}", wait_for_status="green")
    listed: list[dict[str, Any]] = cluster.get(f"/_cat/shards/{index}", format="json")
    return {(shard["prirep"], shard["state"], shard["node"]) for shard in listed}


def test_only_the_ml_node_encodes_and_each_zone_has_a_copy(cluster: Cluster, config: CorpusConfig) -> None:
    cores = {node["name"]: node["os"]["allocated_processors"] for node in cluster.get("/_nodes/os")["nodes"].values()}
    assert ml_cores(cluster) == cores["ml"]
    for number, kind in enumerate((BuildKind.FULL, BuildKind.DELTA)):
        write_corpus(config, edition(number))
        plan = run(cluster, config)
        assert plan.kind is kind
        copies = shards(cluster, plan.candidate)
        assert {(state, node) for _, state, node in copies} == {("STARTED", "one"), ("STARTED", "two")}
        assert {role for role, _, _ in copies} == {"p", "r"}
    pools = cluster.get("/_nodes/stats/thread_pool")["nodes"].values()
    asked = {node["name"]: node["thread_pool"]["opensearch_ml_predict"]["completed"] for node in pools}
    assert asked["ml"] > 0
    assert asked["one"] == asked["two"] == 0


@pytest.mark.parametrize(("victim", "verb", "away_s"), KILLS, ids=str)
def test_a_node_is_killed(
    nodes: Nodes,
    cluster: Cluster,
    config: CorpusConfig,
    chaos_table: ChaosTable,
    victim: str,
    verb: str,
    away_s: float,
) -> None:
    write_corpus(config, edition(0))
    run(cluster, config)
    write_corpus(config, edition(1))
    what = f"SIGKILL of node {victim} of three during {STAGES[verb]}, started again after {away_s:.0f} s"
    with chaos_table.line(what) as line, faulty_proxy(nodes.settings) as proxy:
        assassin = Assassin(nodes.running[victim], [verb], dice(f"{victim} {verb}"), away_s)
        line.result = run_under_fire(proxy, cluster, config, assassin)
        nodes.running[victim] = assassin.server
        check_promises(cluster, Store(config.store), live_plan(cluster, config))
        line.again = str(max(0, proxy.texts_together - CHANGED))
    found = documents(cluster, config.alias)
    assert len(found) == COUNT
    assert sum("edition 1" in document["body"] for document in found.values()) == CHANGED
