"""What who may not see content reads of receipts: any mischief is no error, and of what is known nothing is missing."""

from __future__ import annotations

from typing import Any

import pytest

from sparse_index.console.build import build_view
from sparse_index.console.content import before_value, without_content
from sparse_index.console.receipts import Found


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
