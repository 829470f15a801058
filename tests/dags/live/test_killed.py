"""SIGKILL of the scheduler and of the whole Airflow, while a run is in one of its stages; started again, the run goes on.

The last request of a killed task reaches OpenSearch after the kill, as one that was under way does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from chaos_table import WHOLE, ChaosTable
from live_airflow import LiveAirflow
from local_airflow.services import SERVICES

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
ROWS = 400


@dataclass(frozen=True)
class Kill:
    """What dies, and in which stages of one run it dies, one after the other."""

    victim: str
    kill: Callable[[LiveAirflow], None]
    stages: tuple[str, ...]


def scheduler_alone(live: LiveAirflow) -> None:
    live.kill_alone("scheduler")


def scheduler(live: LiveAirflow) -> None:
    live.kill("scheduler")


def airflow(live: LiveAirflow) -> None:
    live.kill(*SERVICES)


SHORT_FORM = [Kill("scheduler with its tasks", scheduler, ("encode",))]
WHOLE_FORM = [
    Kill("scheduler alone, whose tasks go on", scheduler_alone, ("encode", "index")),
    Kill("scheduler with its tasks", scheduler, ("register_model", "deploy_model", "encode", "index", "promote")),
    Kill("whole Airflow", airflow, ("encode", "promote")),
]


@pytest.mark.parametrize("kill", WHOLE_FORM if WHOLE else SHORT_FORM, ids=lambda kill: kill.victim)
def test_a_run_goes_on_after_a_kill_in_each_of_these_stages(
    live: LiveAirflow, chaos_table: ChaosTable, kill: Kill
) -> None:
    corpus = live.corpora["killed"]
    corpus.write(ROWS, kill.victim)
    expected = corpus.undisturbed(live.cluster)
    stages = ", ".join(f"`{stage}`" for stage in kill.stages)
    with chaos_table.line(f"SIGKILL of the {kill.victim}, in {stages} of one run", len(kill.stages)) as line:
        asked = live.proxy.texts_together
        run = live.trigger(corpus)
        for stage in kill.stages:
            with live.holding(corpus.request_of(stage)) as hold:
                hold.wait_until_reached()
                kill.kill(live)
            live.start_again()
        live.ended_well(corpus, run, expected)
        line.result = "the run completed by itself, with the documents of an undisturbed run"
        line.again = f"{live.proxy.texts_together - asked - ROWS} of {ROWS}"
