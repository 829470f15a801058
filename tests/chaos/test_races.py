"""P2 under races: first promotions and switches, two builds at once fifty times and fifty at once; one index wins."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest

from build_plans import NOW, ready_plan, remove_indices
from chaos_table import ChaosTable, times
from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster
from sparse_index.errors import BuildError, SparseIndexError
from sparse_index.index.promote import Promotion, promote
from sparse_index.live.alias import observe_alias
from sparse_index.live.meta import read_meta, write_meta

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
# How many builds go live at once, and how often.
RACES = pytest.mark.parametrize(("builds", "races"), [(2, 50), (times(10, 50), 1)], ids=["two", "many"])
OUTCOME = "each time one winner, the others refused, the alias on exactly one index"


@pytest.fixture
def alias(plain_cluster: Cluster) -> Iterator[str]:
    name = f"race-{uuid4().hex[:8]}"
    yield name
    remove_indices(plain_cluster, name)


def race(cluster: Cluster, plans: list[Plan]) -> list[Promotion | SparseIndexError]:
    together = Barrier(len(plans), timeout=60)

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


def as_before(cluster: Cluster, index: str) -> None:
    """The winner may race again, as if it had never been live."""
    meta = read_meta(cluster, index)
    assert meta is not None
    write_meta(cluster, index, meta.model_copy(update={"promoted_at": None}))


@RACES
def test_first_promotions(plain_cluster: Cluster, alias: str, chaos_table: ChaosTable, builds: int, races: int) -> None:
    with chaos_table.line(f"{builds} first promotions of one alias at once", races) as line:
        plans = [ready_plan(plain_cluster, alias) for _ in range(builds)]
        for _ in range(races):
            live = one_winner(plain_cluster, alias, race(plain_cluster, plans))
            plain_cluster.post("/_aliases", {"actions": [{"remove": {"index": live, "alias": alias}}]})
            as_before(plain_cluster, live)
        line.result = OUTCOME


@RACES
def test_switches(plain_cluster: Cluster, alias: str, chaos_table: ChaosTable, builds: int, races: int) -> None:
    with chaos_table.line(f"{builds} switches of one alias at once", races) as line:
        first = ready_plan(plain_cluster, alias)
        promote(plain_cluster, first, now=NOW)
        plans = [ready_plan(plain_cluster, alias, live=first.candidate) for _ in range(builds)]
        for _ in range(races):
            live = one_winner(plain_cluster, alias, race(plain_cluster, plans))
            back = {"add": {"index": first.candidate, "alias": alias, "is_write_index": True}}
            plain_cluster.post("/_aliases", {"actions": [{"remove": {"index": live, "alias": alias}}, back]})
            as_before(plain_cluster, live)
        line.result = OUTCOME
