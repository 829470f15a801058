"""A run marked failed in the UI, in each of its stages: it ends failed, nothing of it is left, and the next run is well.

Airflow kills the workers and starts the teardowns at the same moment, so that a request may arrive after its task's end;
`dag.test()` cannot show that. A teardown that is its run's only leaf would turn the run into a success.
"""

from __future__ import annotations

import pytest

from chaos_table import WHOLE, ChaosTable
from live_airflow import STAGES, LiveAirflow

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
ROWS = 96


@pytest.mark.parametrize("stage", STAGES if WHOLE else ["encode"])
def test_a_run_marked_failed_ends_failed_and_leaves_nothing(
    live: LiveAirflow, chaos_table: ChaosTable, stage: str
) -> None:
    corpus = live.corpora["marked"]
    corpus.write(ROWS, stage)
    with chaos_table.line(f"Run marked failed in `{stage}`") as line:
        with live.holding(STAGES[stage]) as hold:
            run = live.trigger(corpus)
            hold.wait_until_reached()
            assert "running" in {run.states().get(stage), run.states().get(f"{stage}[0]")}
            run.mark_failed()
            hold.release()
            live.ended_failed(run)
        line.result = "the run failed, its teardowns ran, nothing of it was left"


@pytest.mark.skipif(not WHOLE, reason="in the short form the cleared run of test_cleared.py shows the same")
def test_the_run_after_it_is_well(live: LiveAirflow) -> None:
    corpus = live.corpora["marked"]
    corpus.write(ROWS, "afterwards")
    live.ended_well(corpus, live.trigger(corpus), corpus.undisturbed(live.cluster))
