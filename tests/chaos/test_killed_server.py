"""P3 and P6: OpenSearch itself is killed in the middle of a stage and started again on the same data."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chaos_table import ChaosTable, dice, times
from faulty_proxy import ONE_TEXT, faulty_proxy
from local_cluster import LocalCluster, start
from own_servers import ended_with_this_process
from promises import check_promises
from real_builds import MakeConfig, Row, live_plan, planned, rows, undisturbed, write_corpus
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.store.files import Store
from under_fire import Assassin, connected, run, run_under_fire

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
COUNT = 60
CHANGED = 16
CHUNK = 8
ENCODER = {"chunk_docs": CHUNK, "docs_per_request": 2}
STAGES = {
    "_register_meta": "register",
    "_deploy": "deploy",
    ONE_TEXT: "prove",
    "_predict": "encode",
    "_clone": "clone",
    "_bulk": "bulk",
    "_aliases": "promote",
}
# The short form kills twice in one run.
RUNS: list[tuple[str, ...]] = times([("_predict", "_bulk")], [(verb,) for verb in STAGES])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    home = tmp_path_factory.mktemp("killed")
    with ended_with_this_process(home):
        yield start(home, "plain", quick_start=True)


def edition(number: int) -> list[Row]:
    """Each has other texts in the first rows."""
    return [row | {"body": f"edition {number} of {n}"} if n < CHANGED else row for n, row in enumerate(rows(COUNT))]


@pytest.mark.parametrize("number", range(len(RUNS)), ids=["+".join(STAGES[verb] for verb in run) for run in RUNS])
def test_the_server_is_killed(
    server: LocalCluster,
    plain_cluster: Cluster,
    model_id: str,
    make_config: MakeConfig,
    chaos_table: ChaosTable,
    number: int,
) -> None:
    verbs = list(RUNS[number])
    twin, config = (make_config(name, encoder=ENCODER, cluster_settings="ensure") for name in ("twin", "server"))
    for each in (twin, config):
        write_corpus(each, edition(0))
    cluster = connected(server)
    run(cluster, config)
    for each in (twin, config):
        write_corpus(each, edition(1))
    expected = undisturbed(plain_cluster, planned(plain_cluster, twin), model_id)
    what = " and ".join(STAGES[verb] for verb in verbs)
    settings = ConnectionSettings(host=server.host, port=server.port, use_ssl=False)
    with (
        chaos_table.line(f"SIGKILL of OpenSearch during {what}, started again") as line,
        faulty_proxy(settings) as proxy,
    ):
        assassin = Assassin(server, verbs, dice(f"server {number}"))
        line.result = run_under_fire(proxy, cluster, config, assassin)
        check_promises(cluster, Store(config.store), live_plan(cluster, config), expected)
        assert cluster.post("/_plugins/_ml/models/_search", {"query": {"match_all": {}}})["hits"]["hits"] == []
        line.again = str(max(0, proxy.texts_together - CHANGED))
