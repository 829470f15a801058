"""A failed task leads to the chapter that quotes what it said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from anchors import anchor
from sparse_index.console.remedies import GUIDE, remedy

TEXT = (Path(__file__).parents[3] / GUIDE).read_text(encoding="utf-8")
CHAPTERS = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##)", TEXT, re.MULTILINE | re.DOTALL))
# Of those that quote what a task says while it encodes or writes; the log alone has the first one's first message.
QUOTING = {
    "Model not ready after a restart": "waiting for its redeployment",
    "Good texts are refused": None,
    "Parts were not tried": None,
    "The model is gone": None,
    "The memory breaker is open": None,
    "Empty vectors": "have no vector|has a text but no vector",
    "Permission missing": "The user of connection|The role needs",
    "Login refused, certificate not trusted": None,
    "The cluster does not answer": None,
    "Too many dead letters": None,
    "The corpus changed while the run was reading it": None,
    "Writes are refused": None,
}


def quoted(chapter: str) -> list[str]:
    """Without what no task of these says when it fails."""
    lines = [
        line for block in re.findall(r"```text\n(.*?)```", CHAPTERS[chapter], re.DOTALL) for line in block.splitlines()
    ]
    elsewhere = QUOTING[chapter]
    return [line for line in lines if elsewhere is None or not re.search(elsewhere, line)]


@pytest.mark.parametrize("chapter", QUOTING)
def test_each_message_leads_to_the_chapter_that_quotes_it(chapter: str) -> None:
    messages = quoted(chapter)
    assert messages
    for message in messages:
        said = message.replace("…", "Memory Circuit Breaker is open" if "(429)" in message else "x")
        for stage in ("encode", "index", "receipt"):
            assert remedy(stage, said=f"{stage} failed: {said}") == f"{GUIDE}#{anchor(chapter)}"


def test_a_cause_that_others_repeat_is_the_one_that_is_explained() -> None:
    said = "Not tried: parts 1 and 2 of encode failed with the same error, which would be this part's too: "
    assert remedy("encode", said=f"{said}Model m1 of this build is gone.") == f"{GUIDE}#the-model-is-gone"


@pytest.mark.parametrize("stage", ["encode", "index"])
def test_words_of_no_chapter_lead_to_the_list_of_them(stage: str) -> None:
    assert remedy(stage, said="something else") == f"{GUIDE}#troubleshooting-by-symptom"
