"""A failed task leads to the chapter that quotes what it said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from anchors import anchor
from sparse_index.console.remedies import GUIDE, remedy

TEXT = (Path(__file__).parents[3] / GUIDE).read_text(encoding="utf-8")
CHAPTERS = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##)", TEXT, re.MULTILINE | re.DOTALL))
ANYWHERE = "encode", "index", "receipt"
# Chapter -> the stages that say what it quotes.
SAYING: dict[str, tuple[str, ...]] = {
    "Preflight refuses": ("preflight",),
    "Registration fails": ("register_model", "wait_registered"),
    "Registration or deployment hangs": ("wait_registered", "wait_deployed"),
    "Deploy runs out of memory": ("wait_deployed",),
    "The memory breaker is open": ANYWHERE,
    "The encoder is not the one it was": ("prove_encoder",),
    "The gate is in doubt": ("approve",),
    "sparse_vector fields": ("preflight", "plan_changes", "encode"),
    "Empty vectors": ANYWHERE,
    "Good texts are refused": ANYWHERE,
    "Parts were not tried": ANYWHERE,
    "Model not ready after a restart": ANYWHERE,
    "The model is gone": ANYWHERE,
    "A model stays behind": ("undeploy_model", "delete_model"),
    "Permission missing": ANYWHERE,
    "Login refused, certificate not trusted": ANYWHERE,
    "The cluster does not answer": ANYWHERE,
    "The alias is taken by an index": ("plan_changes", "promote"),
    "The alias points to two indices": ("plan_changes", "promote"),
    "Lost race": ("plan_changes", "prepare_candidate", "promote"),
    "The books do not close": ("reconcile",),
    "A file of the store is torn": ("plan_changes", "prepare_candidate", "reconcile"),
    "Too many dead letters": ANYWHERE,
    "The corpus changed while the run was reading it": ANYWHERE,
    "The plan refuses": ("plan_changes",),
    "The corpus cannot be read": ("plan_shards", "scan"),
    "Shards do not get ready": ("prepare_candidate", "reconcile", "promote"),
    "Writes are refused": ANYWHERE,
    "An index template gets in the way": ("preflight", "plan_changes"),
    "The candidate does not hold what the corpus says": ("reconcile",),
}
# Chapters of what no failed task says.
UNSAID = {
    "Encoding is slow",
    "`doctor` says that no run could begin",
    "Tasks stay scheduled for ever",
    "A DAG has the tag `broken`",
}
# Of chapters above, what is said elsewhere: in the log, by the gate, by another command.
ELSEWHERE = {
    "Model not ready after a restart": "waiting for its redeployment",
    "Empty vectors": "have no vector|has a text but no vector",
    "Permission missing": "The user of connection|The role needs",
    "sparse_vector fields": "gate.min_recall|A stored vector has the token",
}


def quoted(chapter: str) -> list[str]:
    """Without what no task of these says when it fails."""
    lines = [
        line for block in re.findall(r"```text\n(.*?)```", CHAPTERS[chapter], re.DOTALL) for line in block.splitlines()
    ]
    elsewhere = ELSEWHERE.get(chapter)
    return [line for line in lines if elsewhere is None or not re.search(elsewhere, line)]


def test_every_chapter_is_one_that_a_task_leads_to_or_known_not_to_be() -> None:
    symptoms = TEXT.partition("## Troubleshooting by symptom")[2]
    chapters = set(re.findall(r"^### (.+)$", symptoms.partition("\n## ")[0], re.MULTILINE))
    assert chapters == {*SAYING} | UNSAID


@pytest.mark.parametrize("chapter", SAYING)
def test_each_message_leads_to_the_chapter_that_quotes_it(chapter: str) -> None:
    messages = quoted(chapter)
    assert messages
    for message in messages:
        said = message.replace("…", "Memory Circuit Breaker is open" if "(429)" in message else "x")
        for stage in SAYING[chapter]:
            assert remedy(stage, said=f"{stage} failed: {said}") == f"{GUIDE}#{anchor(chapter)}", message


@pytest.mark.parametrize(
    ("stage", "first", "chapter"),
    [
        ("gate", "The gate refuses the candidate.", "docs/gate.md#the-gate-refuses"),
        ("encode", "Model m1 of this build is gone.", f"{GUIDE}#the-model-is-gone"),
        ("plan_changes", "No build of 'x' can begin: y is closed.", f"{GUIDE}#doctor-says-that-no-run-could-begin"),
        ("wait_registered", "The model did not register: sha256 is not the one.", f"{GUIDE}#registration-fails"),
        ("wait_deployed", "The model did not deploy: Exceed max local model.", f"{GUIDE}#deploy-runs-out-of-memory"),
    ],
)
def test_what_failed_later_or_is_untidy_leads_nowhere(stage: str, first: str, chapter: str) -> None:
    later = "delete_model failed: DELETE /m: permission missing (403): x.\nUntidy: x (no answer from the cluster (x))."
    assert remedy(stage, said=f"{stage} failed: {first}\n{later}") == chapter


def test_of_many_problems_the_first_one_is_explained() -> None:
    said = "preflight failed: 2 problem(s) would make a build of 'x' fail:\n  - GET /: no answer from the cluster (x)."
    assert (
        remedy("preflight", said=f"{said}\n  - y: permission missing (403): z.")
        == f"{GUIDE}#the-cluster-does-not-answer"
    )


def test_a_cause_that_others_repeat_is_the_one_that_is_explained() -> None:
    said = "Not tried: parts 1 and 2 of encode failed with the same error, which would be this part's too: "
    assert remedy("encode", said=f"{said}Model m1 of this build is gone.") == f"{GUIDE}#the-model-is-gone"


@pytest.mark.parametrize("stage", ["encode", "index"])
def test_words_of_no_chapter_lead_to_the_list_of_them(stage: str) -> None:
    assert remedy(stage, said="something else") == f"{GUIDE}#troubleshooting-by-symptom"
