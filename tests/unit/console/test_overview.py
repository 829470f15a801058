"""The overview: who needs a person first, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sparse_index.builds.sign_of_life import sign_of_life
from sparse_index.console.build import Sort
from sparse_index.console.endings import Endings
from sparse_index.console.listed import FailedRun, Listed
from sparse_index.console.live import Live
from sparse_index.console.overview import STRIP, Need, Row, Seen, look, look_back, look_on, rows
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


def look_at(store: Store, corpora: list[Listed]) -> dict[str, Seen]:
    return {each.corpus: look(each, store, Receipts(), NOW) for each in corpora}


def needs(store: Store, corpora: list[Listed], **live: Live) -> list[tuple[str, Need]]:
    seen = look_at(store, corpora)
    at = {("c", alias): its for alias, its in live.items()}
    return [(row.listed.corpus, row.need) for row in rows(corpora, seen, at, {}, NOW)]


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


OUTCOMES = ("promoted", "nothing_changed", "nothing_changed", "failed", "plan_only", "not_promoted")


def a_past(dice: Random, store: Store, alias: str) -> Live | None:
    """Builds of all sorts, a day each, of which some say little; gives what is live then, where anybody knows."""
    is_feed, days = dice.random() < 0.3, dice.randrange(1, 45)
    lives: list[str] = []
    for ago in reversed(range(days)):
        at = NOW - timedelta(days=ago)
        build_id, outcome = f"{at:%Y%m%dT%H%M%S}-000000", dice.choice(OUTCOMES)
        lives += [build_id] if outcome == "promoted" else []
        content = _a_day(dice, at, is_feed) | {"outcome": outcome, "live": lives[-1] if lives else None}
        store.write_json(f"{alias}/builds/{build_id}/receipt.json", content)
    if not lives or dice.random() < 0.3:
        return None
    now_live = dice.choice([lives[-1], lives[-1], dice.choice(lives)])
    return Live((now_live,), now_live)


def _a_day(dice: Random, at: datetime, is_feed: bool) -> dict[str, Any]:
    verdict, counts = dice.choice(["pass"] * 9 + ["undecided"]), {"dead_letters": dice.choice([0] * 9 + [3])}
    return {
        "data_date": str(at.date()),
        "ended_at": at.isoformat(),
        "partition": str(at.date()) if is_feed else None,
        "books": dice.choice([counts, None, None]),
        "planned": dice.choice([counts, None, None]),
        "gate": dice.choice([{"checks": [{"verdict": verdict}]}, None, None]),
    }


def test_two_clusters_may_have_one_alias(store: Store) -> None:
    corpora = [listed("news"), replace(listed("other", connection="d"), alias="news")]
    live = {("c", "news"): Live(("news--b1",)), ("d", "news"): Live(("news--b2",))}
    found = rows(corpora, look_at(store, corpora), live, {}, NOW)
    assert {row.listed.corpus: row.live.index for row in found if row.live} == {"news": "news--b1", "other": "news--b2"}


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_all_is_the_one_that_their_rows_show(store: Store, seed: int) -> None:
    """Looking as far as needed gives what looking at everything gives."""
    dice, corpora = Random(seed), [listed(f"c{number}") for number in range(25)]
    known = {each.alias: a_past(dice, store, each.alias) for each in corpora}
    live = {("c", alias): its for alias, its in known.items() if its is not None}
    by_newest, endings = rows(corpora, look_at(store, corpora), live, {}, NOW), Endings()
    assert _shown(look_on(by_newest, endings, NOW)) == _shown(look_back(by_newest, endings, NOW, STRIP))


def _shown(found: list[Row]) -> list[tuple[str, Need]]:
    return [(row.listed.corpus, row.need) for row in found]


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
    seen = look_at(store, corpora)
    silent = rows(corpora, seen, {}, {("c", each.alias): "no answer" for each in corpora}, NOW)
    assert Need.ALIAS not in [need for row in silent for need, _ in row.needs]


@pytest.mark.parametrize("hours", [0, 18, 29])
def test_a_feed_that_is_days_behind_by_design_is_not_late(store: Store, hours: int) -> None:
    """Its run of each morning reads the day before yesterday."""
    at = NOW + timedelta(hours=hours)
    receipt(store, "behind", ended=NOW, data_date="2026-11-24", partition="2026-11-24")
    assert _needs_at(store, at, listed("behind")) == []


@pytest.mark.parametrize(
    ("content", "period_s"),
    [
        ({"data_date": "2026-11-24", "partition": "2026-11-24"}, DAY_S),  # its runs have stopped
        ({"data_date": "2026-11-26"}, DAY_S),  # of a daily corpus, too
    ],
)
def test_what_is_really_late_is_told(store: Store, content: dict[str, Any], period_s: float) -> None:
    receipt(store, "late", ended=NOW, **content)
    corpus = listed("late", period_s=period_s)
    assert _needs_at(store, NOW + timedelta(hours=35), corpus) == []
    assert _needs_at(store, NOW + timedelta(hours=37), corpus) == ["no newer data for 1 day"]


def test_a_feed_is_late_whose_runs_bring_former_days_alone(store: Store) -> None:
    """A backfill goes well, morning after morning, and nobody brings the new days."""
    for ago, day in ((3, 24), (2, 10), (1, 11), (0, 12)):
        ended, its_day = NOW - timedelta(days=ago), f"2026-11-{day}"
        content = {"outcome": "promoted", "ended_at": ended.isoformat(), "data_date": its_day, "partition": its_day}
        store.write_json(f"feed/builds/{ended:%Y%m%dT%H%M%S}-000000/receipt.json", content)
    assert _needs_at(store, NOW, listed("feed")) == ["no newer data for 3 days"]


def _needs_at(store: Store, now: datetime, corpus: Listed) -> list[str]:
    (row,) = look_back(rows([corpus], look_at(store, [corpus]), {}, {}, now), Endings(), now)
    return [words for _, words in row.needs]


def test_letters_and_the_gate_of_former_builds_are_needs_of_today(store: Store) -> None:
    write = partial(store.write_json, "news/builds/20261125T000000-000000/receipt.json")
    doubt = {"checks": [{"name": "golden", "verdict": "undecided"}]}
    write({"outcome": "promoted", "books": {"dead_letters": 4}, "gate": doubt, "ended_at": NOW.isoformat()})
    receipt(store, "news", outcome="failed", books={"dead_letters": 99})
    seen = look_at(store, [listed("news")])
    (row,) = rows([listed("news")], seen, {}, {}, NOW)
    assert (row.standing.letters, row.standing.gate) == (None, None)
    (row,) = look_back([row], Endings(), NOW)
    assert [need for need, _ in row.needs] == [Need.FAILED, Need.DOUBT, Need.LETTERS]
    assert row.needs[-1][1] == "4 rows are in no index"


def test_a_build_without_a_receipt_needs_a_person_when_no_run_is_at_work(store: Store) -> None:
    store.write_json("killed/builds/20261126T000000-000000/plan.json", {})
    assert needs(store, [listed("killed")]) == [("killed", Need.FAILED)]
    assert needs(store, [listed("killed", running=True)]) == [("killed", Need.NONE)]


@pytest.mark.parametrize(
    ("hours", "words"), [(1, []), (-1, ["its last build has no receipt, and no run of it is at work"])]
)
def test_a_build_that_a_failed_run_began_is_told_once(store: Store, hours: int, words: list[str]) -> None:
    """Of a feed whose run of another day failed before, it is told beside that."""
    store.write_json("news/builds/20261126T000000-000000/dead_letters/scan.json", {})
    ended = datetime(2026, 11, 26, tzinfo=UTC) + timedelta(hours=hours)
    failed = listed("news", failed=(FailedRun("r1", ended, "2026-11-20"),))
    assert _needs_at(store, NOW, failed) == ["its run of 2026-11-20 failed before it planned a build", *words]


def test_a_failed_partition_is_told_though_a_later_one_is_live(store: Store) -> None:
    build_id = "20261125T000000-000000"
    content = {"outcome": "failed", "partition": "2026-11-24"}
    store.write_json(f"news/builds/{build_id}/receipt.json", content)
    receipt(store, "news", partition="2026-11-25")
    seen = look_at(store, [listed("news")])
    (row,) = look_on(rows([listed("news")], seen, {}, {}, NOW), Endings(), NOW)
    assert row.needs == (
        (Need.FAILED, f"build {build_id} of 2026-11-24 failed, and no later one has made good for it"),
    )


def test_a_run_that_waits_for_an_answer_needs_a_person(store: Store) -> None:
    receipt(store, "news")
    assert needs(store, [listed("news", asked=True)]) == [("news", Need.ASKED)]


@pytest.mark.parametrize(("minutes", "is_told"), [(1, True), (-1, False)])
def test_a_run_that_failed_before_its_plan_needs_a_person(store: Store, minutes: int, is_told: bool) -> None:
    receipt(store, "news")
    planned = datetime(2026, 11, 26, tzinfo=UTC)
    failed = FailedRun("r1", planned + timedelta(minutes=minutes))
    found = needs(store, [listed("news", failed=(failed,))])
    assert found == [("news", Need.FAILED if is_told else Need.NONE)]


def test_a_run_that_failed_before_the_first_plan_needs_a_person(store: Store) -> None:
    corpora = [listed("news", failed=(FailedRun("r1", NOW),))]
    (row,) = rows(corpora, look_at(store, corpora), {}, {}, NOW)
    assert row.needs == ((Need.FAILED, "its last run failed before it planned a build"),)
    assert row.unplanned == FailedRun("r1", NOW)


@pytest.mark.parametrize(
    ("content", "stands"),
    [
        ({"partition": "2026-11-25"}, True),
        ({"partition": "2026-11-24"}, False),
        ({"partition": "2026-11-24", "outcome": "failed"}, False),
        ({"partition": "2026-11-24", "outcome": "plan_only"}, True),
    ],
)
def test_a_day_of_a_feed_whose_run_failed_before_its_plan_stands_until_a_build_of_that_day(
    store: Store, content: dict[str, Any], stands: bool
) -> None:
    receipt(store, "news", **content)
    failed = tuple(FailedRun(f"r{day}", NOW - timedelta(days=1), f"2026-11-{day}") for day in (24, 23))
    corpora = [listed("news", failed=failed)]
    (row,) = rows(corpora, look_at(store, corpora), {}, {}, NOW)
    said = [words for _, words in row.needs]
    first = "its run of 2026-11-24 failed before it planned a build; so it is with 1 more"
    assert (first in said) is stands
    assert row.unplanned == failed[0 if stands else 1]


def test_a_build_of_the_command_line_that_is_at_work_needs_nobody(store: Store) -> None:
    folder = "by-hand/builds/20261126T000000-000000"
    with sign_of_life(store, folder):
        assert needs(store, [listed("by-hand")]) == [("by-hand", Need.NONE)]
    assert needs(store, [listed("by-hand")]) == [("by-hand", Need.FAILED)]


def test_filter_by_text() -> None:
    assert listed("news", owner="Team A").says("team a")
    assert not listed("news").says("tickets")


def test_a_failed_build_that_was_cleared_is_read_again(store: Store) -> None:
    """What ended well is read once."""
    endings, place = Endings(), (store, "news", "20261126T000000-000000")
    for outcome, shown in (("failed", Sort.FAILED), ("promoted", Sort.PROMOTED), ("failed", Sort.PROMOTED)):
        receipt(store, "news", outcome=outcome)
        (found,) = endings.of([place])
        assert found.sort is shown
