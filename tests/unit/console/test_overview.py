"""The overview: who needs a person first, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sparse_index.console.listed import Listed
from sparse_index.console.live import Live
from sparse_index.console.overview import Need, look, look_back, rows
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


@pytest.mark.parametrize("how", [{"paused": True}, {"period_s": None}])
def test_nobody_waits_for_one_that_is_paused_or_run_by_hand(store: Store, how: dict[str, Any]) -> None:
    receipt(store, "late", ended=NOW - timedelta(days=9))
    assert needs(store, [listed("late", **how)]) == [("late", Need.NONE)]


def test_old_data_stays_late_while_a_run_is_at_work(store: Store) -> None:
    receipt(store, "late", ended=NOW - timedelta(days=9))
    assert needs(store, [listed("late", running=True)]) == [("late", Need.LATE)]


def test_a_corpus_is_as_old_as_what_is_live_not_as_its_last_build(store: Store) -> None:
    """The alias went back to an index of last week; the build of today, which was live before, has ended well."""
    receipt(store, "back", live="back--b2")
    week_ago = NOW - timedelta(days=7)
    live = Live(("back--b1",), data_date=week_ago.date(), promoted_at=week_ago)
    assert needs(store, [listed("back")], back=live) == [("back", Need.LATE)]


@pytest.mark.parametrize("outcome", ["promoted", "nothing_changed", "failed"])
def test_an_alias_that_is_gone_needs_a_person(store: Store, outcome: str) -> None:
    """Not where nobody knows what is live, nor before the first build that a reader saw."""
    receipt(store, "gone", outcome=outcome, live="gone--b1")
    receipt(store, "first", outcome="not_promoted")
    corpora = [listed("gone"), listed("first")]
    assert needs(store, corpora) == [("gone", Need.ALIAS), ("first", Need.NONE)]
    seen = look(corpora, lambda _: store, Receipts())
    silent = rows(corpora, seen, {}, {"c": "no answer"}, NOW)
    assert Need.ALIAS not in [need for row in silent for need, _ in row.needs]


def test_letters_and_the_gate_of_former_builds_are_needs_of_today(store: Store) -> None:
    write = partial(store.write_json, "news/builds/20261125T000000-000000/receipt.json")
    doubt = {"checks": [{"name": "golden", "verdict": "undecided"}]}
    write({"outcome": "promoted", "books": {"dead_letters": 4}, "gate": doubt, "ended_at": NOW.isoformat()})
    receipt(store, "news", outcome="failed", books={"dead_letters": 99})
    seen = look([listed("news")], lambda _: store, Receipts())["news"]
    assert (seen.letters, seen.gate) == (None, None)
    seen = look_back(seen, store, Receipts(), "news")
    (row,) = rows([listed("news")], {"news": seen}, {}, {}, NOW)
    assert [need for need, _ in row.needs] == [Need.FAILED, Need.DOUBT, Need.LETTERS]
    assert row.needs[-1][1] == "4 rows are in no index"


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
