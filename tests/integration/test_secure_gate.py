"""The gate under the shipped build role on 2.19.1: what it has to look at, that role may see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from build_plans import remove_indices
from local_cluster import LocalCluster
from numbered import numbers, write_golden
from real_builds import closed, documents, indexed, planned, real_config, rows, write_corpus
from secure_accounts import accounts, hardened
from sparse_index.builds.check import Verdict
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import gate_report
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchConfig, SearchMode
from sparse_index.errors import BuildError
from sparse_index.gate.gate import compare
from sparse_index.gate.golden import GOLDEN
from sparse_index.live.alias import observe_alias
from sparse_index.roles import role_bodies
from sparse_index.store.files import Store

pytestmark = [pytest.mark.integration, pytest.mark.secure]
ALIAS = "secure-gate"
DOCUMENTS, QUERIES = 30, 20


@pytest.fixture(scope="module")
def builder(secure_server: LocalCluster, secure_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster as somebody sees it who has the shipped build role and nothing else, where no role is lent."""
    with hardened(secure_cluster):
        role = role_bodies(ALIAS)["sparse_index_build"]
        cluster = accounts(secure_server, secure_cluster, {"builder": role})["builder"]
        yield cluster
        cluster.close()
        remove_indices(secure_cluster, ALIAS)


def ready(cluster: Cluster, config: CorpusConfig, count: int) -> Plan:
    """A candidate of so many documents, up to its last bulk request."""
    write_corpus(config, rows(count))
    plan = planned(cluster, config)
    indexed(cluster, config, plan, vector=numbers(plan))
    return plan


def verdicts(store: Store, plan: Plan) -> dict[str, Verdict]:
    report = gate_report(store, plan)
    assert report is not None
    return {check.name: check.verdict for check in report.checks}


def test_the_gate_asks_golden_queries_and_stops_a_bad_candidate(builder: Cluster, tmp_path: Path) -> None:
    golden = write_golden(tmp_path / "golden", QUERIES)
    config = real_config(ALIAS, tmp_path, gate={"golden": str(golden)})
    store = Store(config.store)
    for count in (DOCUMENTS, DOCUMENTS - 1):
        good = ready(builder, config, count)
        closed(builder, store, good)
    looked = ("counts", "stored vectors", "drift", "unchanged documents", "top 10", "golden", "canaries")
    found = verdicts(store, good)
    assert {name: found[name] for name in looked} == dict.fromkeys(looked, Verdict.PASS)

    # Which only we can fuse.
    common = SearchConfig(mode=SearchMode.HYBRID, sides=("bm25", "text_sparse"), combine="intersection")
    fused = config.model_copy(update={"search": common})
    checks = compare(builder, store, fused, good.candidate, good.candidate, seed="test")
    assert [check.verdict for check in checks if check.name == GOLDEN] == [Verdict.PASS]

    bad = ready(builder, config, DOCUMENTS)
    before = documents(builder, bad.candidate)
    swapped = {**before["d1"], "text_sparse": before["d2"]["text_sparse"]}
    builder.put(f"/{bad.candidate}/_doc/d1", swapped)
    with pytest.raises(BuildError, match=r"stored vectors: 1 of 30 .* d1 has another vector"):
        closed(builder, store, bad)
    assert observe_alias(builder, ALIAS).index == good.candidate
