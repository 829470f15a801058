"""Two runs of one corpus at once: one waits for its turn, both end well, and readers see one whole index at any moment."""

from __future__ import annotations

import pytest

from chaos_table import ChaosTable, whole_form
from live_airflow import LiveAirflow, until
from sparse_index.live.alias import observe_alias

pytestmark = [pytest.mark.integration, pytest.mark.chaos, whole_form]
ROWS = 96


def test_two_runs_at_once(live: LiveAirflow, chaos_table: ChaosTable) -> None:
    corpus = live.corpora["together"]
    corpus.write(ROWS, "together")
    corpus.build(live.cluster)

    def readers_see_everything() -> bool:
        assert live.cluster.get(f"/{corpus.alias}/_count")["count"] == ROWS, "P2: half an index is seen"
        return {run.state() for run in runs} == {"success"}

    with chaos_table.line("Two runs of one corpus triggered at once") as line:
        runs = [live.trigger(corpus, mode="full") for _ in range(2)]
        until("the end of both runs", readers_see_everything)
        plans = [run.plan() for run in runs]
        live_index = observe_alias(live.cluster, corpus.alias).index
        last = next(run for run, plan in zip(runs, plans, strict=True) if plan.candidate == live_index)
        first = next(plan for plan in plans if plan.candidate != live_index)
        assert last.plan().live_index == first.candidate, "the second was planned after the first had been promoted"
        live.ended_well(corpus, last)
        line.result = "both succeeded, one after the other; the alias on the second's index"
