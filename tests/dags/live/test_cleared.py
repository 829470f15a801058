"""One failed part of a run's encoding, cleared with what follows, as the UI's dialog does it with "only failed" off."""

from __future__ import annotations

import json

import pytest

from chaos_table import ChaosTable, whole_form
from faulty_proxy import Seen
from live_airflow import LiveAirflow, LiveRun, until
from live_corpora import STAGES
from sparse_index.corpus.hashes import hash_text
from sparse_index.store.files import Store

pytestmark = [pytest.mark.integration, pytest.mark.chaos, whole_form]
TWO_PARTS = 2_004


def part_of(run: LiveRun, seen: Seen) -> int | None:
    """The part of the run's plan whose texts this request to the model holds."""
    asked = {hash_text(text) for text in json.loads(seen.body)["text_docs"]}
    plan = run.plan()
    store = Store(plan.config.store)
    for part in plan.encode_parts:
        if asked <= set(store.read_table(part.path, ["text_hash"]).column("text_hash").to_pylist()):
            return part.number
    return None


def test_a_failed_part_is_cleared(live: LiveAirflow, chaos_table: ChaosTable) -> None:
    corpus = live.corpora["cleared"]
    corpus.write(TWO_PARTS, "cleared")
    expected = corpus.undisturbed(live.cluster)
    with chaos_table.line("Clear, with downstream, of the one part of `encode` that failed") as line:
        run = live.trigger(corpus)
        with live.holding(lambda seen: STAGES["encode"](seen) and part_of(run, seen) == 1) as hold:
            hold.wait_until_reached()
            until("the end of the other part", lambda: run.states()["encode[0]"] == "success")
            assert "progress" in run.progress("encode", 0)
            run.mark_failed("encode", 1)
            live.ended_failed(run)
        asked = live.proxy.texts_asked
        run.clear(("encode", 1), only_failed=False)
        live.ended_well(corpus, run, expected)
        assert run.tasks()["encode[0]"]["try_number"] == 1, "the other part was done"
        line.result = "model registered and deployed again, that part encoded, the run completed"
        line.again = f"{live.proxy.texts_asked - asked} of {TWO_PARTS}, the part's own"
