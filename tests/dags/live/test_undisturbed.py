"""A whole real build that nobody disturbs: its log, as the UI shows it, and the stages that others are disturbed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from faulty_proxy import Fault, Seen
from live_airflow import LiveAirflow, LiveRun
from live_corpora import STAGES, Request

pytestmark = pytest.mark.integration
ROWS = 400
MOST_LINES = 12
# Airflow's own line, through our logger.
OF_EVERY_SENSOR = "Success criteria met. Exiting."
# How the last line of ours begins or goes on, by task.
SENTENCES = {
    "preflight": "",
    "plan_shards": f"1 file(s) with {ROWS} rows in",
    "scan[0]": "read and hashed.",
    "turn": "It is this run's turn",
    "plan_changes": f"The plan is frozen: full, {ROWS} texts to encode, {ROWS} documents to write or delete.",
    "reserve": f"encodes {ROWS} texts in 1 part(s)",
    "create_model_group": "Model group ",
    "register_model": "live-sparse 1.0.0: registration begun",
    "wait_registered": "COMPLETED.",
    "deploy_model": "live-sparse 1.0.0: deployment begun",
    "wait_deployed": "DEPLOYED on 1 of 1 node(s).",
    "prove_encoder": "Nothing speaks against encoding with live-sparse 1.0.0 on 1 node(s)",
    "encode[0]": f"{ROWS} texts encoded in",
    "undeploy_model": "Undeployed: ",
    "delete_model": "Kept: none.",
    "delete_model_group": "in the cluster: nothing.",
    "prepare_candidate": f"new and empty: {ROWS} documents are to be written",
    "index[0]": f"{ROWS} documents written and 0 deleted",
    "reconcile": f"The books close: {ROWS} rows read = {ROWS} encoded.",
    "gate": f"The gate refuses nothing of {ROWS} documents",
    "approve": "Nothing is in doubt",
    "promote": f"is live with {ROWS} documents (it is the first).",
    "retire": "Kept for going back: none. Deleted: none.",
    "receipt": "this build was promoted. Nothing is untidy. Receipt: ",
}


def lines_of(entry: dict[str, Any]) -> list[str]:
    return str(entry["event"]).splitlines()


def ours(entry: dict[str, Any]) -> bool:
    names = ("opensearch_ml", "sparse_index")
    return entry["event"] != OF_EVERY_SENSOR and any(name in entry.get("logger", "") for name in names)


def errors(run: LiveRun, label: str) -> list[str]:
    return [entry["event"] for entry in run.log(label) if entry.get("level") == "error" and ours(entry)]


@dataclass
class Witness:
    """At the first request that opens a stage: which tasks of the run are at work."""

    opens: dict[str, Request]
    run: LiveRun | None = None
    at_work: dict[str, set[str]] = field(default_factory=dict)

    def __call__(self, seen: Seen) -> Fault:
        for stage in [stage for stage, opens in self.opens.items() if stage not in self.at_work and opens(seen)]:
            assert self.run is not None
            states = self.run.states()
            self.at_work[stage] = {label.partition("[")[0] for label, state in states.items() if state == "running"}
        return Fault.NONE


def test_the_log_of_a_build_reads_like_a_report(live: LiveAirflow) -> None:
    corpus = live.corpora["read"]
    corpus.write(ROWS, "read")
    witness = Witness({stage: corpus.request_of(stage) for stage in STAGES})
    with live.asked(witness):
        witness.run = run = live.trigger(corpus)
        live.ended_well(corpus, run)
    assert witness.at_work.keys() == STAGES.keys()
    for stage, at_work in witness.at_work.items():
        assert stage in at_work, f"what opens {stage} is asked by {at_work}"
    logs = {label: run.log(label) for label in run.tasks() if label != "outcome"}
    assert logs.keys() == SENTENCES.keys()
    for label, entries in logs.items():
        assert not [entry for entry in entries if entry.get("logger") == "opensearch"], label
        mine = [entry for entry in entries if ours(entry)]
        assert not [entry for entry in mine if entry["level"] not in ("info", "debug")], label
        said = [line for entry in mine for line in lines_of(entry)]
        assert 1 <= len(said) <= MOST_LINES, f"{label}: {said}"
        assert SENTENCES[label] in said[-1], f"{label}: {said[-1]}"


def test_a_red_run_says_why_in_the_first_error_of_its_receipt(live: LiveAirflow) -> None:
    corpus = live.corpora["read"]
    corpus.remove()
    run = live.trigger(corpus)
    assert run.ends() == "failed"
    (why, *_) = errors(run, "plan_shards")
    assert "No Parquet file" in why
    first, *others = errors(run, "receipt")
    assert first == f"plan_shards failed: {why}"
    assert "No build was planned." in others
    shown = [entry for entry in run.log("plan_shards") if entry.get("error_detail")]
    assert len(shown) == 1, "one traceback"
    assert len(shown[0]["error_detail"]) == 1, "without another one above it"
