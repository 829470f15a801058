"""Two runs of one corpus at once: one waits for its turn, and plans when the other has promoted."""

from __future__ import annotations

import pytest

from chaos_table import ChaosTable, whole_form
from live_airflow import LiveAirflow
from sparse_index.live.alias import observe_alias

pytestmark = [pytest.mark.integration, pytest.mark.chaos, whole_form]
ROWS = 96


def test_two_runs_at_once(live: LiveAirflow, chaos_table: ChaosTable) -> None:
    corpus = live.corpora["together"]
    corpus.write(ROWS, "together")
    corpus.build(live.cluster)
    with chaos_table.line("Two runs of one corpus triggered at once") as line:
        runs = [live.trigger(corpus, mode="full") for _ in range(2)]
        assert [run.ends() for run in runs] == ["success", "success"]
        plans = [run.plan() for run in runs]
        live_index = observe_alias(live.cluster, corpus.alias).index
        last = next(run for run, plan in zip(runs, plans, strict=True) if plan.candidate == live_index)
        first = next(plan for plan in plans if plan.candidate != live_index)
        assert last.plan().live_index == first.candidate, "the second was planned after the first had been promoted"
        live.ended_well(corpus, last)
        line.result = "both succeeded, one after the other; the alias on the second's index"
