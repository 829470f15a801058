"""P3: encode and index tasks are killed at random moments; what is live in the end is what an undisturbed run makes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

import pytest

import victims
from chaos_table import ChaosTable, dice, times
from faulty_proxy import FaultyProxy
from promises import check_promises
from real_builds import MakeConfig, closed, planned, rows, undisturbed, write_corpus
from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster
from sparse_index.index.candidate import prepare_candidate
from sparse_index.plan import parts
from sparse_index.store.files import Store
from sparse_index.vectors.files import vector_paths

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
KILLS = times(3, 20)
ROUNDS = 10 * KILLS
COUNT = times(400, 2400)
PART = times(200, 600)
CHUNK = 64
# Small requests: at most one chunk, waiting and in flight together, is then in memory at any time.
ENCODER = {"chunk_docs": CHUNK, "docs_per_request": 4}


@dataclass
class Killer:
    """Kills tasks after a random number of requests and a few milliseconds more, until it has done so often enough."""

    proxy: FaultyProxy
    chance: random.Random
    left: int = KILLS

    def let_run(self, verb: str, most: int, work: Callable[..., None], *arguments: object) -> None:
        """Start the task again after every kill, until it ends by itself."""
        while self.left:
            process = victims.started(work, self.proxy.settings, *arguments)
            self.proxy.wait_for(verb, self.chance.randint(1, most), alive=process.is_alive)
            process.join(self.chance.uniform(0, 0.02))
            if not victims.killed(process):
                return
            self.left -= 1
        assert victims.ended_well(victims.started(work, self.proxy.settings, *arguments))


def vectors(store: Store, plan: Plan) -> dict[str, object]:
    tables = [store.read_table(path) for path in vector_paths(store, plan.fingerprint)]
    return {row["text_hash"]: (row["tokens"], row["weights"]) for table in tables for row in table.to_pylist()}


def test_killed_tasks_lose_nothing(
    plain_cluster: Cluster,
    proxy: FaultyProxy,
    model_id: str,
    make_config: MakeConfig,
    chaos_table: ChaosTable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parts, "PART_ITEMS", PART)
    twin, config = (make_config(name, encoder=ENCODER, index={"bulk_bytes": 10_000}) for name in ("twin", "killed"))
    for each in (twin, config):
        write_corpus(each, rows(COUNT))
    calm, plan = planned(plain_cluster, twin), planned(plain_cluster, config)
    calm_store, store = Store(twin.store), Store(config.store)
    expected = undisturbed(plain_cluster, calm, model_id)

    with chaos_table.line("SIGKILL of the encode task at a random moment", KILLS) as line:
        killer = Killer(proxy, dice("encode"))
        for part in plan.encode_parts:
            # Even if every kill came as late as it may, there are texts left for the last one.
            killer.let_run("_predict", COUNT // KILLS // 5, victims.encode, plan, part, model_id)
        assert killer.left == 0
        again = proxy.texts_asked - COUNT
        assert 0 < again <= KILLS * CHUNK, f"{again} texts were encoded again after {KILLS} kills"
        assert vectors(store, plan) == vectors(calm_store, calm)
        line.again = f"{again} of {COUNT}: {again / KILLS:.0f} a kill, a chunk is {CHUNK}"
        line.result = "the same vectors as an undisturbed run"

    with chaos_table.line("SIGKILL of the index task at a random moment", KILLS) as line:
        prepare_candidate(plain_cluster, store, plan)
        killer = Killer(proxy, dice("index"))
        for _ in takewhile(lambda _: killer.left, range(ROUNDS)):
            for part in plan.index_parts:
                killer.let_run("_bulk", PART // 20, victims.index, plan, part)
        assert killer.left == 0, "they came too late: give the task more to write"
        for part in plan.index_parts:
            killer.let_run("_bulk", 1, victims.index, plan, part)
        closed(plain_cluster, store, plan)
        check_promises(plain_cluster, store, plan, expected)
        line.result = "the same documents as an undisturbed run"
        line.again = "0"
