"""docs/performance.md says what was measured and nothing else; a ratio that fell is seen, one within its spread is not."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from build_plans import corpus_config, make_plan
from sparse_index.builds.plan import Counts, Estimate, save_plan
from sparse_index.store.files import Store

if TYPE_CHECKING:
    from quick import Measure

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def bench_is_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "bench"))


def test_tables_and_charts_are_made_of_the_results() -> None:
    import report

    written = report.PAGE.read_text(encoding="utf-8")
    assert report.page(written) == written, "run `PYTHONPATH=include python bench/report.py`"
    shown = list(report.shown(written))
    assert shown
    for found in shown:
        assert (report.CHARTS / f"{found.name}.svg").read_text(encoding="utf-8") == report.chart(found)
    assert {path.stem for path in report.CHARTS.iterdir()} == {found.name for found in shown}


def test_the_page_of_scale_has_the_calculators_tables() -> None:
    import scale

    written = scale.PAGE.read_text(encoding="utf-8")
    assert scale.page(written) == written, "run `PYTHONPATH=include python bench/scale.py --write`"
    assert scale.ORIGINS.keys() == {each.name for each in fields(scale.Rates)}


def test_what_a_corpus_asks_for_follows_from_the_rates() -> None:
    from scale import PLANS, Need, Rates

    rates = Rates(gpu_texts=100, hours=10, index_kb=3, replicas=1, index_documents=1_000)
    need = Need(36_000_000, rates)
    assert (need.gpu_hours, need.gpus, need.parts, need.aliases) == (100.0, 10, 360, 1)
    assert (need.index_gb, need.shards, need.disk_gb) == (108.0, 4, 432.0)
    assert need.data_nodes == 4
    assert need.first_load["index"] == 2.5
    assert need.plan[2] is False
    assert Need(10**7, rates).plan == (*PLANS[10**7], True)
    assert Need(100_000_001, rates).aliases == 2


def test_what_was_foreseen_stands_beside_what_was_needed_of_builds_that_ended_well(tmp_path: Path) -> None:
    from estimates import foreseen, lines

    store = Store(str(tmp_path))
    estimate = Estimate(seconds=30.0, low=20.0, high=40.0, because="a probe")
    ended = {"outcome": "promoted", "created_at": "2026-01-01T00:00:00Z", "ended_at": "2026-01-01T00:00:25Z"}
    for receipt in (ended, ended | {"outcome": "failed"}, None):
        counts = Counts(texts_to_encode=10, chars_to_encode=3_000)
        plan = make_plan(corpus_config("things"), counts=counts, estimate=estimate)
        save_plan(store, plan)
        if receipt is not None:
            store.write_json(f"{plan.folder}/receipt.json", receipt | {"stage_seconds": {"plan": 5.0}})
    (found,) = foreseen(store, "things")
    assert (found.texts, found.chars, found.seconds, found.needed) == (10, 300.0, 30.0, 20.0)
    assert found.error == 0.5
    assert " +50%  a probe" in list(lines([found]))[-1]


def test_a_ratio_is_of_one_round_and_above_one_where_ours_is_better() -> None:
    from side_by_side import Comparison

    def comparison(unit: str) -> Comparison:
        figures = {"ours": [2.0, 4.0, 6.0], "loop": [1.0, 8.0, 3.0]}
        return Comparison("x", "X", unit, "make x", "ours", figures, "2026-01-01", "1 core", 0.0)

    assert comparison("docs/s").ratios("loop") == [2.0, 0.5, 2.0]
    assert comparison("seconds").ratios("loop") == [0.5, 2.0, 0.5]
    assert comparison("docs/s").ratio("loop") == 2.0


def test_a_ratio_has_fallen_when_its_best_round_is_far_below_all_committed_ones() -> None:
    from quick import fallen

    kept = {"bulk: ours / raw": [1.0, 1.1], "load: ours / loop": [2.0, 2.2]}
    assert fallen({"bulk: ours / raw": [0.3, 0.71], "load: ours / loop": [9.0], "new: ours / old": [0.1]}, kept) == []
    (line,) = fallen({"bulk: ours / raw": [0.3, 0.69], "load: ours / loop": [2.1]}, kept)
    assert line == "bulk: ours / raw: 0.30 to 0.69, committed 1.00 to 1.10"


def test_what_fell_by_chance_is_measured_once_more_and_what_is_slow_fails() -> None:
    from quick import judged
    from side_by_side import Comparison

    def measure(*ours: float) -> Measure:
        left = iter(ours)

        def measured(rounds: int) -> Comparison:
            figures = {"ours": [next(left)] * rounds, "loop": [1.0] * rounds}
            return Comparison("load", "Load", "docs/s", "", "ours", figures, "2026-01-01", "1 core", 0.0)

        return measured

    kept = {"load: ours / loop": [2.0]}
    assert judged([measure(0.5, 1.9)], kept) == []
    assert judged([measure(0.5, 0.6)], kept) == ["load: ours / loop: 0.60 to 0.60, committed 2.00 to 2.00"]
    (line,) = judged([], kept)
    assert line.startswith("load: ours / loop: measured no more")


@pytest.mark.parametrize("times", [1, 10])
def test_a_scan_that_became_slower_fails_against_the_committed_ratios(
    times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import quick
    import scan

    once = scan.scan

    def scanned(folder: Path) -> None:
        for _ in range(times):
            once(folder)

    monkeypatch.setattr(scan, "scan", scanned)
    scan.write_corpus(tmp_path, 5_000, words=40, columns=1)
    name = "scan: this package / read and hash by hand"
    kept = {name: json.loads(quick.KEPT.read_text(encoding="utf-8"))[name]}
    worse = quick.judged([lambda rounds: scan.compare(tmp_path, 5_000, rounds, "")], kept)
    assert len(worse) == (0 if times == 1 else 1), worse


def test_contenders_take_turns_after_a_round_that_is_not_counted() -> None:
    from side_by_side import in_turn

    asked: list[tuple[str, int]] = []

    def contender(name: str, number: int) -> float:
        asked.append((name, number))
        return float(number)

    figures = in_turn({"a": lambda number: contender("a", number), "b": lambda number: contender("b", number)}, 2)
    assert figures == {"a": [1.0, 2.0], "b": [1.0, 2.0]}
    assert asked == [("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2)]
