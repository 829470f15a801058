"""The log of a whole real build, as the UI shows it: a report of our sentences, and no line of the client."""

from __future__ import annotations

from typing import Any

import pytest

from live_airflow import LiveAirflow, LiveRun

pytestmark = pytest.mark.integration
ROWS = 80
MOST_LINES = 12
# Airflow's own line, through our logger.
OF_EVERY_SENSOR = "Success criteria met. Exiting."
# How the last line of ours begins or goes on, by task.
SENTENCES = {
    "preflight": "",
    "plan_shards": "1 file(s) with 80 rows in",
    "scan[0]": "read and hashed.",
    "turn": "It is this run's turn",
    "plan_changes": "The plan is frozen: full, 80 texts to encode, 80 documents to write or delete.",
    "reserve": "encodes 80 texts in 1 part(s)",
    "create_model_group": "Model group ",
    "register_model": "live-sparse 1.0.0: registration begun",
    "wait_registered": "COMPLETED.",
    "deploy_model": "live-sparse 1.0.0: deployment begun",
    "wait_deployed": "DEPLOYED on 1 of 1 node(s).",
    "prove_encoder": "Nothing speaks against encoding with live-sparse 1.0.0 on 1 node(s)",
    "encode[0]": "80 texts encoded in",
    "undeploy_model": "Undeployed: ",
    "delete_model": "Kept: none.",
    "delete_model_group": "in the cluster: nothing.",
    "prepare_candidate": "new and empty: 80 documents are to be written",
    "index[0]": "80 documents written and 0 deleted",
    "reconcile": "The books close: 80 rows read = 80 encoded.",
    "gate": "The gate refuses nothing of 80 documents",
    "approve": "Nothing is in doubt",
    "promote": "is live with 80 documents (it is the first).",
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


def test_the_log_of_a_build_reads_like_a_report(live: LiveAirflow) -> None:
    corpus = live.corpora["read"]
    corpus.write(ROWS, "read")
    run = live.trigger(corpus)
    live.ended_well(corpus, run)
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
