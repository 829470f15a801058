"""The overview: who needs a person first, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sparse_index.console.listed import Listed
from sparse_index.console.live import Live
from sparse_index.console.overview import Need, look, rows
from sparse_index.console.receipts import Receipts
from sparse_index.store.files import Store

NOW = datetime(2026, 11, 26, 6, tzinfo=UTC)
DAY_S = 86_400.0


def listed(name: str, **more: Any) -> Listed:
    return replace(Listed(name, f"sparse_index__{name}", name, connection="c", period_s=DAY_S), **more)


def receipt(store: Store, name: str, ended: datetime = NOW, **content: Any) -> None:
    whole = {"outcome": "promoted", "ended_at": ended.isoformat()} | content
    store.write_json(f"{name}/builds/20261126T000000-000000/receipt.json", whole)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def needs(store: Store, corpora: list[Listed], **live: Live) -> list[tuple[str, Need]]:
    seen = look(corpora, lambda _: store, Receipts())
    return [(row.listed.corpus, row.need) for row in rows(corpora, seen, live, {}, NOW)]


def test_the_most_urgent_corpus_comes_first(store: Store) -> None:
    receipt(store, "good")
    receipt(store, "failed", outcome="failed")
    receipt(store, "late", ended=NOW - timedelta(days=2))
    receipt(store, "doubt", gate={"checks": [{"name": "n", "verdict": "undecided", "words": ""}]})
    receipt(store, "letters", books={"dead_letters": 4})
    receipt(store, "twice")
    store.write_bytes("torn/builds/20261126T000000-000000/receipt.json", b"{")
    names = ("good", "failed", "late", "doubt", "letters", "twice", "torn")
    corpora = [*map(listed, names), Listed("broken", "sparse_index__broken", problems=("no id",))]
    assert needs(store, corpora, twice=Live(("twice--b1", "twice--b2"))) == [
        ("broken", Need.BROKEN),
        ("twice", Need.ALIAS),
        ("failed", Need.FAILED),
        ("torn", Need.UNREAD),
        ("late", Need.LATE),
        ("doubt", Need.DOUBT),
        ("letters", Need.LETTERS),
        ("good", Need.NONE),
    ]


@pytest.mark.parametrize("how", [{"paused": True}, {"running": True}, {"period_s": None}])
def test_nobody_waits_for_one_that_is_paused_at_work_or_run_by_hand(store: Store, how: dict[str, Any]) -> None:
    receipt(store, "late", ended=NOW - timedelta(days=9))
    assert needs(store, [listed("late", **how)]) == [("late", Need.NONE)]


def test_a_build_without_a_receipt_needs_a_person_when_no_run_is_at_work(store: Store) -> None:
    store.write_json("killed/builds/20261126T000000-000000/plan.json", {})
    assert needs(store, [listed("killed")]) == [("killed", Need.FAILED)]
    assert needs(store, [listed("killed", running=True)]) == [("killed", Need.NONE)]


def test_a_store_that_cannot_be_read_is_its_corpus_problem_alone(store: Store, tmp_path: Path) -> None:
    receipt(store, "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "builds").write_text("no folder")
    corpora = [listed("good"), listed("bad"), listed("scheme", store="nonsense://x")]
    seen = look(corpora, lambda each: Store(each.store) if each.store else store, Receipts())
    assert seen["good"].last is not None
    assert seen["bad"].last is None
    assert "nonsense" in str(seen["scheme"].problem)


def test_filter_by_text() -> None:
    assert listed("news", owner="Team A").says("team a")
    assert not listed("news").says("tickets")
