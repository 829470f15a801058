"""A run marked failed in the UI, in each of its stages: it ends failed, nothing of it is left, and the next run is well.

Airflow kills the workers and starts the teardowns at the same moment, so that a request may arrive after its task's end;
`dag.test()` cannot show that. A teardown that is its run's only leaf would turn the run into a success.
"""

from __future__ import annotations

import pytest

from chaos_table import WHOLE, ChaosTable
from faulty_proxy import Seen
from live_airflow import LiveAirflow, Request

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
ROWS = 96


def ends_with(words: str) -> Request:
    return lambda seen: seen.path.partition("?")[0].endswith(words)


def contains(method: str, words: str) -> Request:
    return lambda seen: seen.method == method and words in seen.path


def switches_the_alias(seen: Seen) -> bool:
    return seen.verb == "_aliases" and b"is_write_index" in seen.body


# What a task asks first that no other asks before it.
STAGES: dict[str, Request] = {
    "register_model": ends_with("/models/_register"),
    "wait_registered": contains("GET", "/_ml/tasks/"),
    "deploy_model": ends_with("/_deploy"),
    "wait_deployed": contains("GET", "/_ml/profile/models/"),
    "encode": contains("POST", "/_predict/"),
    "prepare_candidate": contains("PUT", "/live-marked--b"),
    "index": ends_with("/_bulk"),
    "reconcile": ends_with("/_refresh"),
    "gate": lambda seen: seen.path.startswith("/live-marked--b") and ends_with("/_search")(seen),
}
SHORT = ("register_model", "encode")


@pytest.mark.parametrize("stage", STAGES if WHOLE else SHORT)
def test_a_run_marked_failed(live: LiveAirflow, chaos_table: ChaosTable, stage: str) -> None:
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
        live.ended_well(corpus, live.trigger(corpus))
        line.result = "run failed, nothing left; the next run succeeded"
