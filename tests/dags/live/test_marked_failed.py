"""A run marked failed in the UI, in each of its stages: it ends failed, nothing of it is left, and the next run is well.

Airflow kills the workers and starts the teardowns at the same moment, so that a request may arrive after its task's end;
`dag.test()` cannot show that. A teardown that is its run's only leaf would turn the run into a success.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from chaos_table import ChaosTable, whole_form
from live_airflow import LiveAirflow, LiveRun, until
from live_corpora import STAGES

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
ROWS = 400
MARKED = "the run failed, its teardowns ran, nothing of it was left"


@contextmanager
def held_in(live: LiveAirflow, stage: str) -> Iterator[LiveRun]:
    """A run of which a request of that stage is under way; it arrives when the block ends."""
    corpus = live.corpora["marked"]
    corpus.write(ROWS, stage)
    with live.holding(corpus.request_of(stage)) as hold:
        run = live.trigger(corpus)
        hold.wait_until_reached()
        assert "running" in {run.states().get(stage), run.states().get(f"{stage}[0]")}
        yield run


def kinds_told(live: LiveAirflow) -> Callable[[], list[str]]:
    """Of the messages from now on."""
    corpus = live.corpora["marked"]
    before = len(corpus.told())
    return lambda: [one["kind"] for one in corpus.told()[before:]]


@whole_form
@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage not in ("encode", "promote")])
def test_a_run_marked_failed_leaves_nothing(live: LiveAirflow, chaos_table: ChaosTable, stage: str) -> None:
    with chaos_table.line(f"Run marked failed in `{stage}`") as line:
        with held_in(live, stage) as run:
            run.mark_failed()
        live.ended_failed(run)
        line.result = MARKED


def test_a_run_marked_failed_while_it_encodes_and_cleared(live: LiveAirflow, chaos_table: ChaosTable) -> None:
    """People are told of it: late already, and once each time that it fails."""
    kinds = kinds_told(live)
    with chaos_table.line("Run marked failed in `encode`") as line:
        with held_in(live, "encode") as run:
            live.deadline_passes(run)
            until("the message that it is late", lambda: kinds() == ["late"])
            run.mark_failed()
            live.ended_failed(run)
        until("the message that it failed", lambda: kinds() == ["late", "failed"])
        line.result = MARKED
    with chaos_table.line("Clear of its failed tasks only") as line:
        run.clear(only_failed=True)
        live.ended_failed(run)
        assert "trigger a new run" in run.said("encode[0]")
        until("the message that it failed again", lambda: kinds() == ["late", "failed", "failed"])
        line.result = "failed at once, said what to do, nothing of it was left"


@whole_form
def test_a_run_marked_failed_while_it_promotes_has_promoted(live: LiveAirflow, chaos_table: ChaosTable) -> None:
    """The request to switch the alias was under way: the run is red, and its receipt says what is live.

    So the runs that were marked before it have left nothing that disturbs it.
    """
    with chaos_table.line("Run marked failed in `promote`, the switch of the alias under way") as line:
        with held_in(live, "promote") as run:
            run.mark_failed()
        assert (run.ends(), run.states()["receipt"]) == ("failed", "failed")
        line.result = "promoted all the same, one whole index is live; the run failed and its receipt says so"
        corpus = live.corpora["marked"]
        live.keeps_promises(corpus, run, corpus.undisturbed(live.cluster))
