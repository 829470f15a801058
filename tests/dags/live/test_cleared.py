"""A run that failed in one part of its encoding, cleared as the UI's dialog offers it."""

from __future__ import annotations

import pytest

from chaos_table import ChaosTable
from live_airflow import STAGES, TWO_PARTS, LiveAirflow, LiveRun, until

pytestmark = [pytest.mark.integration, pytest.mark.chaos]


def test_a_failed_part_is_cleared(live: LiveAirflow, chaos_table: ChaosTable) -> None:
    corpus = live.corpora["cleared"]
    corpus.write(TWO_PARTS, "cleared")
    expected = corpus.undisturbed(live.cluster)
    with live.holding(STAGES["encode"]) as hold:
        run = live.trigger(corpus)
        hold.wait_until_reached()
        run.runs("encode[1]")
        run.mark_failed("encode", 1)
        hold.release()
        live.ended_failed(run)
    with chaos_table.line("Clear, only failed tasks, of a run that failed in one part of `encode`") as line:
        cleared(run, only_failed=True)
        live.ended_failed(run)
        assert "trigger a new run" in run.said("encode[1]")
        line.result = "failed at once and said what to do, nothing was left"
    with chaos_table.line("Clear, with downstream, of that one part of `encode`") as line:
        asked = live.proxy.texts_asked
        cleared(run, ("encode", 1), only_failed=False)
        live.ended_well(corpus, run, expected)
        assert run.tasks()["encode[0]"]["try_number"] == 1, "the other part was done"
        line.result = "model registered and deployed again, that part encoded, the run completed"
        line.again = str(live.proxy.texts_asked - asked)


def cleared(run: LiveRun, *tasks: str | tuple[str, int], only_failed: bool) -> None:
    run.clear(*tasks, only_failed=only_failed)
    until("the cleared run at work", lambda: run.state() in ("queued", "running"))
