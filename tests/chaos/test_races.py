"""P2 under races: fifty first promotions and fifty switches, two builds at once; the alias ends on exactly one index."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest

from build_plans import NOW, ready_plan, remove_indices
from chaos_table import ChaosTable
from sparse_index.cluster import Cluster
from sparse_index.errors import BuildError, SparseIndexError
from sparse_index.index.alias import observe_alias
from sparse_index.index.promote import Promotion, promote
from sparse_index.plan.model import Plan

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
RACES = 50
OUTCOME = "each time one winner, the loser refused, the alias on exactly one index"


@pytest.fixture
def alias(plain_cluster: Cluster) -> Iterator[str]:
    name = f"race-{uuid4().hex[:8]}"
    yield name
    remove_indices(plain_cluster, name)


def race(cluster: Cluster, plans: list[Plan]) -> list[Promotion | SparseIndexError]:
    together = Barrier(len(plans))

    def run(plan: Plan) -> Promotion | SparseIndexError:
        together.wait()
        try:
            return promote(cluster, plan, now=NOW)
        except SparseIndexError as error:
            return error

    with ThreadPoolExecutor(len(plans)) as pool:
        return list(pool.map(run, plans))


def one_winner(cluster: Cluster, alias: str, results: list[Promotion | SparseIndexError]) -> str:
    won = [result for result in results if isinstance(result, Promotion)]
    lost = [result for result in results if isinstance(result, SparseIndexError)]
    assert len(won) == 1
    assert all(isinstance(error, BuildError) and "Lost race" in error.message for error in lost)
    assert observe_alias(cluster, alias).members == (won[0].live,)
    return won[0].live


def test_fifty_first_promotions(plain_cluster: Cluster, alias: str, chaos_table: ChaosTable) -> None:
    with chaos_table.line("Two first promotions of one alias at once", RACES) as line:
        plans = [ready_plan(plain_cluster, alias) for _ in range(2)]
        for _ in range(RACES):
            live = one_winner(plain_cluster, alias, race(plain_cluster, plans))
            plain_cluster.post("/_aliases", {"actions": [{"remove": {"index": live, "alias": alias}}]})
        line.result = OUTCOME


def test_fifty_switches(plain_cluster: Cluster, alias: str, chaos_table: ChaosTable) -> None:
    with chaos_table.line("Two switches of one alias at once", RACES) as line:
        first = ready_plan(plain_cluster, alias)
        promote(plain_cluster, first, now=NOW)
        plans = [ready_plan(plain_cluster, alias, live=first.candidate) for _ in range(2)]
        for _ in range(RACES):
            live = one_winner(plain_cluster, alias, race(plain_cluster, plans))
            back = {"add": {"index": first.candidate, "alias": alias, "is_write_index": True}}
            plain_cluster.post("/_aliases", {"actions": [{"remove": {"index": live, "alias": alias}}, back]})
        line.result = OUTCOME
