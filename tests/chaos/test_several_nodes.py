"""P3 and P6 on several nodes: two hold data, each in a zone of its own, one or two run the models; each is killed in a build."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from build_plans import remove_indices
from chaos_table import ChaosTable, dice, whole_form
from faulty_proxy import Fault, Seen, faulty_proxy
from local_cluster import LocalCluster, start
from local_cluster.ports import find_free
from own_servers import ended_with_this_process
from promises import check_promises
from real_builds import Row, documents, live_plan, real_config, rows, write_corpus
from sparse_index.builds.plan import BuildKind, Plan
from sparse_index.builds.reports import books_report
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.cluster.cores import ml_cores
from sparse_index.config.corpus import CorpusConfig
from sparse_index.store.files import Store
from under_fire import Assassin, connected, run, run_under_fire

pytestmark = [pytest.mark.integration, pytest.mark.chaos, whole_form]
COUNT = 60
CHANGED = 16
DATA = "data, ingest"
AWAY_S = 5.0
STAGES = {"_predict": "encode", "_bulk": "bulk", "_clone": "clone"}


@dataclass(frozen=True)
class Nodes:
    """By name: `one` also leads the cluster and is never killed."""

    home: Path
    seed: int
    running: dict[str, LocalCluster]

    @contextmanager
    def joined(self, name: str, roles: str, more: dict[str, str]) -> Iterator[None]:
        """One more node inside the block."""
        with ended_with_this_process(self.home / name):
            settings = settings_of(name, roles, self.seed) | more
            server = start(self.home / name, "plain", heap="768m", quick_start=True, settings=settings)
            self.running[name] = server
            yield

    @property
    def settings(self) -> ConnectionSettings:
        leader = self.running["one"]
        return ConnectionSettings(host=leader.host, port=leader.port, use_ssl=False)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    home, seed = tmp_path_factory.mktemp("nodes"), find_free()
    leads = {"transport.port": str(seed), "cluster.initial_cluster_manager_nodes": '["one"]', "node.attr.zone": "a"}
    with ExitStack() as stack:
        nodes = Nodes(home, seed, {})
        stack.enter_context(nodes.joined("one", f"cluster_manager, {DATA}", leads))
        stack.enter_context(nodes.joined("two", DATA, {"node.attr.zone": "b"}))
        stack.enter_context(nodes.joined("ml", "ml", {}))
        yield nodes


def settings_of(name: str, roles: str, seed: int) -> dict[str, str]:
    return {
        "node.name": name,
        "node.roles": f"[{roles}]",
        "discovery.type": "zen",
        "discovery.seed_hosts": f'["127.0.0.1:{seed}"]',
        "cluster.routing.allocation.awareness.attributes": "zone",
        "node.attr.rack": "r",
        # Others' builds fill the disk of this machine.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }


@pytest.fixture
def cluster(nodes: Nodes) -> Cluster:
    return connected(nodes.running["one"])


@contextmanager
def corpus(cluster: Cluster, folder: Path) -> Iterator[CorpusConfig]:
    """Of a new alias, whose indices go with the block."""
    encoder = {"chunk_docs": 8, "docs_per_request": 2}
    alias = f"chaos-nodes-{uuid4().hex[:6]}"
    yield real_config(alias, folder, encoder=encoder, index={"replicas": 1}, cluster_settings="ensure")
    remove_indices(cluster, alias)


@pytest.fixture
def config(cluster: Cluster, tmp_path: Path) -> Iterator[CorpusConfig]:
    with corpus(cluster, tmp_path) as config:
        yield config


@pytest.fixture(scope="module")
def undisturbed(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    """The documents, with their vectors, of the second edition in a corpus that nobody disturbed."""
    cluster = connected(nodes.running["one"])
    with corpus(cluster, tmp_path_factory.mktemp("twin")) as twin:
        write_corpus(twin, edition(1))
        run(cluster, twin)
        return documents(cluster, twin.alias)


def edition(number: int) -> list[Row]:
    """Each has other texts in the first rows."""
    return [row | {"body": f"edition {number} of {n}"} if n < CHANGED else row for n, row in enumerate(rows(COUNT))]


def copies(cluster: Cluster, index: str) -> set[tuple[str, str, str]]:
    """(p or r, state, node) of each copy of each shard, unless it has no node."""
    listed: list[dict[str, Any]] = cluster.get(f"/_cat/shards/{index}", format="json")
    return {(shard["prirep"], shard["state"], shard["node"]) for shard in listed if shard["node"]}


def primaries(cluster: Cluster, config: CorpusConfig) -> set[str]:
    """The nodes with the primaries of the live index and of the candidate, as soon as there is one."""
    return {node for role, _, node in copies(cluster, f"{config.alias}--*") if role == "p"}


def with_primary_on(node: str, cluster: Cluster, index: str) -> None:
    """Leave the replica on that node as the primary; a clone is made where the primary of its source is."""
    cluster.get(f"/_cluster/health/{index}", wait_for_status="green")
    for role, _, holder in copies(cluster, index):
        if role == "p" and holder != node:
            cancel = {"index": index, "shard": 0, "node": holder, "allow_primary": True}
            cluster.post("/_cluster/reroute", {"commands": [{"cancel": cancel}]})
    cluster.get(f"/_cluster/health/{index}", wait_for_status="green")


@contextmanager
def setting(cluster: Cluster, **settings: str) -> Iterator[None]:
    persistent = {name.replace("__", "."): value for name, value in settings.items()}
    cluster.put("/_cluster/settings", {"persistent": persistent})
    try:
        yield
    finally:
        cluster.put("/_cluster/settings", {"persistent": dict.fromkeys(persistent)})


def predicted(cluster: Cluster) -> dict[str, int]:
    """Node -> how many requests to a model it has answered since it started."""
    pools = cluster.get("/_nodes/stats/thread_pool")["nodes"].values()
    return {node["name"]: node["thread_pool"]["opensearch_ml_predict"]["completed"] for node in pools}


def cores(cluster: Cluster) -> dict[str, int]:
    nodes = cluster.get("/_nodes/os")["nodes"].values()
    return {node["name"]: node["os"]["allocated_processors"] for node in nodes}


def test_only_the_ml_node_encodes_and_each_zone_has_a_copy(cluster: Cluster, config: CorpusConfig) -> None:
    assert ml_cores(cluster) == cores(cluster)["ml"]
    for number, kind in enumerate((BuildKind.FULL, BuildKind.DELTA)):
        write_corpus(config, edition(number))
        plan = run(cluster, config)
        assert plan.kind is kind
        assert health_of(config, plan) == "green"
        there = copies(cluster, plan.candidate)
        assert {(state, node) for _, state, node in there} == {("STARTED", "one"), ("STARTED", "two")}
        assert {role for role, _, _ in there} == {"p", "r"}
    asked = predicted(cluster)
    assert asked["ml"] > 0
    assert asked["one"] == asked["two"] == 0


def health_of(config: CorpusConfig, plan: Plan) -> str | None:
    books = books_report(Store(config.store), plan)
    return books.health if books else None


def test_replicas_that_forced_awareness_forbids_are_not_waited_for(
    cluster: Cluster, config: CorpusConfig, caplog: pytest.LogCaptureFixture
) -> None:
    """Both nodes are in the one rack there is, and a copy is to be in each of two."""
    awareness = "cluster.routing.allocation.awareness"
    write_corpus(config, edition(0))
    with setting(cluster, **{f"{awareness}.attributes": "rack", f"{awareness}.force.rack.values": "r,s"}):
        plan = run(cluster, config)
        assert health_of(config, plan) == "yellow"
        assert "stays yellow: awareness: there are too many copies" in caplog.text
        check_promises(cluster, Store(config.store), plan)
    health = cluster.get(f"/_cluster/health/{plan.candidate}", wait_for_status="green")
    assert health["status"] == "green", "the cluster places them itself as soon as it may"


def test_data_nodes_that_may_run_models_run_them(cluster: Cluster, config: CorpusConfig) -> None:
    write_corpus(config, edition(0))
    with setting(cluster, plugins__ml_commons__only_run_on_ml_node="false"):
        assert ml_cores(cluster) == sum(cores(cluster).values())
        before = predicted(cluster)
        run(cluster, config)
        assert all(count > before[node] for node, count in predicted(cluster).items())


@pytest.mark.parametrize(("victim", "verb"), [("ml", "_predict"), ("two", "_bulk"), ("two", "_clone")], ids=str)
def test_a_node_is_killed(
    nodes: Nodes,
    cluster: Cluster,
    config: CorpusConfig,
    chaos_table: ChaosTable,
    undisturbed: dict[str, Row],
    victim: str,
    verb: str,
) -> None:
    """A data node has the only copy of the candidate, or of what it is about to be cloned from."""
    write_corpus(config, edition(0))
    live = run(cluster, config).candidate
    with_primary_on("two", cluster, live)
    what = f"SIGKILL of node {victim} of three during {STAGES[verb]}, started again after {AWAY_S:.0f} s"
    seen = killed_in_a_build(nodes, cluster, config, chaos_table, undisturbed, victim, verb, what)
    assert seen == {"two"}, "no primary was on the node that was killed"


def test_one_of_two_ml_nodes_is_killed(
    nodes: Nodes, cluster: Cluster, config: CorpusConfig, chaos_table: ChaosTable, undisturbed: dict[str, Row]
) -> None:
    with nodes.joined("ml2", "ml", {}):
        write_corpus(config, edition(0))
        run(cluster, config)
        asked = predicted(cluster)
        assert asked["ml2"] > 0, "the second node was not asked"
        what = f"SIGKILL of one of two nodes that run the model during encode, started again after {AWAY_S:.0f} s"
        killed_in_a_build(nodes, cluster, config, chaos_table, undisturbed, "ml2", "_predict", what)


def killed_in_a_build(
    nodes: Nodes,
    cluster: Cluster,
    config: CorpusConfig,
    chaos_table: ChaosTable,
    undisturbed: dict[str, Row],
    victim: str,
    verb: str,
    what: str,
) -> set[str]:
    """Build the second edition; gives the nodes that had primaries of the corpus at the kill."""
    write_corpus(config, edition(1))
    seen: set[str] = set()
    with chaos_table.line(what) as line, faulty_proxy(nodes.settings) as proxy:
        assassin = Witnessed(nodes.running[victim], [verb], dice(f"{victim} {verb}"), AWAY_S)
        assassin.look = lambda: seen.update(primaries(cluster, config))
        line.result = run_under_fire(proxy, cluster, config, assassin)
        nodes.running[victim] = assassin.server
        check_promises(cluster, Store(config.store), live_plan(cluster, config), undisturbed)
        line.again = str(max(0, proxy.texts_together - CHANGED))
    return seen


@dataclass
class Witnessed(Assassin):
    """Looks just before it strikes."""

    look: Callable[[], None] = lambda: None

    def __call__(self, seen: Seen) -> Fault:
        if seen.verb in self.verbs:
            self.look()
        return super().__call__(seen)
