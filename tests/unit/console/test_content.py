"""What who may not see content reads of receipts: any mischief is no error, and of what is known nothing is missing."""

from __future__ import annotations

from typing import Any

import pytest

from sparse_index.config.encoder import Pruning
from sparse_index.console.build import build_view
from sparse_index.console.content import before_query, before_value, plan_without_content, without_content
from sparse_index.console.receipts import Found
from sparse_index.corpus.oddities import Oddities
from sparse_index.gate.drift import CHANGED_DOCUMENTS, Vectors, drift
from sparse_index.vectors.sparse import sparse_kind


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("'price': 1e400 is kept as another number", "'price'"),
        (
            "failed to parse field [at] of type [date]. Preview of field's value: 'x'",
            "failed to parse field [at] of type [date]",
        ),
        (
            'Document contains at least one immense term in field="a" (whose UTF8 ...)',
            'Document contains at least one immense term in field="a"',
        ),
        ("its id is null", "its id is null"),
    ],
)
def test_a_reason_is_told_up_to_the_value(reason: str, told: str) -> None:
    assert before_value(reason) == told


def test_a_model_may_quote_a_text_anywhere() -> None:
    assert before_value("Invalid input 'a text' of request", "encode") == "Invalid input"
    assert before_value("column 'price' is null", "scan") == "column 'price' is null"


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {"failures": ["x"], "letters": {"a": 1}, "gate": "x"},
        {"failures": {"gate": None}, "letters": ["x", {}], "gate": {"checks": [7, {"name": "golden"}], "moved": 3}},
    ],
)
def test_what_is_no_receipt_is_no_error(content: Any) -> None:
    build_view("20261101T000000-000000", without_content(Found(content)))


def test_everything_else_stays() -> None:
    checks = [{"name": "counts", "verdict": "pass", "words": "5 documents: 'all' of them."}]
    receipt = {"outcome": "promoted", "gate": {"checks": checks, "documents": 5}, "failures": {"promote": "lost: 'a'"}}
    assert without_content(Found(receipt)) == Found(receipt)


def test_a_plan_s_note_quotes_no_value() -> None:
    """As a scan makes it."""
    odd = Oddities(unkept=2, example="'salary': 12345678901234567890 is no whole number of 64 bits")
    odd.missing["price"] = 3
    shorter = plan_without_content({"kind": "full", "notes": list(odd.notes())})
    assert shorter["notes"][0] == "column 'price' is NaN in 3 rows: indexed as null"
    assert shorter["notes"][1].startswith("2 rows have a value that cannot be kept and become dead letters")
    assert "salary" not in str(shorter)
    every: tuple[Any, ...] = (None, [], {"notes": "salary"}, {"notes": [7, None]})
    for mischief in every:
        plan_without_content(mischief)


def test_tokens_of_documents_are_content() -> None:
    """As the gate's check says them, alone and in the error that repeats it."""
    before, after = ([{word: 1.0}] * CHANGED_DOCUMENTS for word in ("%. The", "salary"))
    words = drift("text", sparse_kind(Pruning()).likeness, Vectors(9, 0, before, after), 0.1).words
    assert "salary 0% -> 100%" in words
    checks = [{"name": "drift", "verdict": "pass", "words": words}]
    said = {"gate": f"The gate refuses news--b1: drift: {words}; counts: 5 of 6."}
    shorter = without_content(Found({"gate": {"checks": checks}, "failures": said})).content
    assert "salary" not in str(shorter)
    assert "documents, before and now" in str(shorter)
    assert before_query(said["gate"]).endswith("; counts: 5 of 6.")
