"""SIGKILL of the scheduler and of the whole Airflow, while a run is in one of its stages; started again, the run goes on.

The killed task's last request reaches OpenSearch after the kill, as one that was under way does.
"""

from __future__ import annotations

import pytest

from chaos_table import WHOLE, ChaosTable
from live_airflow import STAGES, LiveAirflow
from local_airflow.services import SERVICES

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
ROWS = 400
SCHEDULER = ("scheduler",)
AIRFLOW = tuple(SERVICES)
WHOLE_FORM = {
    "scheduler": (SCHEDULER, ("register_model", "deploy_model", "encode", "prepare_candidate", "index", "promote")),
    "whole Airflow": (AIRFLOW, ("encode", "promote")),
}
SHORT_FORM = {"scheduler": (SCHEDULER, ("encode",))}
KILLS = WHOLE_FORM if WHOLE else SHORT_FORM


@pytest.mark.parametrize("victim", KILLS)
def test_a_run_completes_after_a_kill_in_each_of_these_stages(
    live: LiveAirflow, chaos_table: ChaosTable, victim: str
) -> None:
    services, stages = KILLS[victim]
    corpus = live.corpora["killed"]
    corpus.write(ROWS, victim)
    expected = corpus.undisturbed(live.cluster)
    what = f"SIGKILL of the {victim} with its tasks, in {', '.join(f'`{stage}`' for stage in stages)} of one run"
    with chaos_table.line(what, len(stages)) as line:
        before = live.proxy.texts_asked
        run = live.trigger(corpus)
        for stage in stages:
            with live.holding(STAGES[stage]) as hold:
                hold.wait_until_reached()
                live.kill(*services)
            live.start_again()
        live.ended_well(corpus, run, expected)
        again = live.proxy.texts_asked - before - ROWS
        line.result, line.again = "the run completed by itself, the documents of an undisturbed run", str(again)
