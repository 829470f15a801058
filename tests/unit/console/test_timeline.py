"""The timeline: pages of builds, and charts whose tables say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparse_index.console.build import BuildView, Sort, build_view
from sparse_index.console.receipts import Found, Receipts
from sparse_index.console.stages import chapter_of
from sparse_index.console.timeline import NOT_RECORDED, gate_chart, timeline, timeline_charts
from sparse_index.store.files import Store

IDS = [f"202611{day:02}T000000-000000" for day in range(1, 11)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path))
    for number, build_id in enumerate(IDS):
        content = {
            "outcome": "promoted",
            "books": {"documents": 100 + number},
            "stage_seconds": {"encode": 2.0, "turn": 9.0},
        }
        store.write_json(f"news/builds/{build_id}/receipt.json", content)
    return store


def test_pages_go_back_in_time_and_lose_no_build(store: Store) -> None:
    receipts, before = Receipts(), None
    seen: list[str] = []
    for _ in IDS:
        page = timeline(store, receipts, "news", before, shown=4)
        seen.extend(build.build_id for build in page.builds)
        before = page.older
        if before is None:
            break
    assert seen == IDS[::-1]


def test_before_may_be_anything(store: Store) -> None:
    assert timeline(store, Receipts(), "news", "zzz", shown=3).builds[0].build_id == IDS[-1]
    assert timeline(store, Receipts(), "news", "..", shown=3).builds == ()


def test_each_chart_has_a_table_with_a_row_a_build(store: Store) -> None:
    builds = timeline(store, Receipts(), "news").builds
    charts = timeline_charts(builds, lambda build_id: f"/b/{build_id}")
    assert len(charts) == 5
    for chart in charts:
        assert [row[0] for row in chart.rows] == IDS[::-1]
        assert {len(row) for row in chart.rows} == {len(chart.columns)}
        assert chart.svg.count("<a ") == len(IDS)
    documents = charts[0]
    assert documents.rows[0][documents.columns.index("documents")] == "109"
    assert documents.rows[0][documents.columns.index("new")] == NOT_RECORDED


def test_builds_without_numbers_are_marks_and_no_gaps() -> None:
    failed = BuildView(IDS[0], Sort.FAILED, None)
    for chart in timeline_charts([failed], str):
        assert 'class="mark failed"' in chart.svg


def test_waiting_is_no_work() -> None:
    assert chapter_of("turn") is None
    assert chapter_of("wait_deployed") == "model"
    assert chapter_of("something new") == "rest"


def test_stages_stand_in_the_order_of_the_run() -> None:
    """Airflow gives its tasks by name."""
    given = dict.fromkeys(("delete_model", "encode", "gate", "index", "new", "preflight", "scan", "turn"), 1.0)
    seen = build_view(IDS[0], Found({"outcome": "promoted", "stage_seconds": given}))
    assert list(seen.stage_s) == ["preflight", "turn", "scan", "encode", "index", "gate", "delete_model", "new"]


def test_failures_stand_in_that_order_too_whatever_wrote_them() -> None:
    content = {"outcome": "failed", "failures": {"delete_model": "no answer", "encode[1]": "gone", "encode[0]": "gone"}}
    assert list(build_view(IDS[0], Found(content)).failures) == ["encode[1]", "encode[0]", "delete_model"]


def test_a_check_that_was_skipped_is_no_failure() -> None:
    checks = [{"name": "golden", "verdict": "skipped", "words": "no golden queries"}]
    seen = build_view(IDS[0], Found({"outcome": "promoted", "gate": {"checks": checks}}))
    assert 'class="verdict skipped"' in gate_chart([seen])
    assert 'class="verdict fail"' not in gate_chart([seen])
