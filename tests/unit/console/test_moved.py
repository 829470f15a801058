"""The golden queries that a build answers otherwise than what was live before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sparse_index.console.content import ASKING
from sparse_index.console.moved import Moved, compared
from sparse_index.console.receipts import Receipts
from sparse_index.gate.golden import CANARIES, GOLDEN
from sparse_index.store.files import Store

FIRST, SECOND, THIRD = (f"2026110{day}T000000-000000" for day in (1, 2, 3))
ROW = {"id": "q1", "text": "slow app", "alike": 0.4, "ndcg": -0.2}


def receipt(moved: Any, verdict: str = "pass", former: str | None = "news--a") -> dict[str, Any]:
    checks = [{"name": "golden", "verdict": verdict, "value": 0, "limit": 0.02, "words": "w"}]
    return {"former": former, "candidate": "news--b", "gate": {"checks": checks, "moved": moved}}


def write(store: Store, build_id: str, content: Any) -> None:
    store.write_json(f"news/builds/{build_id}/receipt.json", content)


def test_the_names_are_those_of_the_gate() -> None:
    assert ASKING == (GOLDEN, CANARIES)


def test_the_newest_build_that_asked_is_told_past_those_that_did_not(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    write(store, FIRST, receipt([]))
    write(store, SECOND, receipt([ROW | {"filters": ["lang=en"]}, ROW | {"ndcg": None}]))
    write(store, THIRD, {"outcome": "nothing_changed", "gate": None})
    seen = compared(store, Receipts(), "news")
    assert seen is not None
    assert (seen.build_id, seen.former, seen.candidate) == (SECOND, "news--a", "news--b")
    assert seen.queries == (Moved("slow app", 0.4, -0.2, ("lang=en",)), Moved("slow app", 0.4, None, None))


@pytest.mark.parametrize(
    "content",
    [
        receipt([ROW], verdict="skipped"),
        receipt([ROW], former=None),
        receipt("no list"),
        {"former": "news--a", "candidate": "news--b", "gate": {"checks": receipt([])["gate"]["checks"]}},
        [],
    ],
)
def test_where_nothing_was_compared_or_recorded_there_is_nothing_to_tell(tmp_path: Path, content: Any) -> None:
    store = Store(str(tmp_path))
    write(store, FIRST, content)
    assert compared(store, Receipts(), "news") is None


@pytest.mark.parametrize("row", ["x", {}, {"text": "q"}, {"text": 1, "alike": 1}, {"text": "q", "alike": float("nan")}])
def test_a_row_by_another_hand_is_passed_over(tmp_path: Path, row: Any) -> None:
    store = Store(str(tmp_path))
    write(store, FIRST, receipt([row, ROW]))
    seen = compared(store, Receipts(), "news")
    assert seen is not None
    assert len(seen.queries) == 1
