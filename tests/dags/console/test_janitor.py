"""The janitor's page: for who may read its runs, the reports of each store once, each store alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from console_html import look
from console_place import Place, Visit
from opensearch_ml.console.pages import janitor
from sparse_index.operations.cleanup import Action, Cleanup, Kind
from sparse_index.operations.janitor import save_cleanup

EVIL = '"><svg onload=alert(1)>'


def report(day: int, **found: Any) -> Cleanup:
    usual: dict[str, Any] = {"actions": [], "notes": [], "unproven": []}
    return Cleanup(at=datetime(2026, 3, day, 4, 30, tzinfo=UTC), **usual | found)


@pytest.fixture
def reports(place: Place) -> Place:
    """Four of the store of `news`, which `tickets` shares; none of that of `other`."""
    place.corpora = [place.listed("news"), place.listed("tickets", store=str(place.folder / "news"))]
    for day in (1, 2, 3):
        save_cleanup(place.store(), report(day))
    actions = [Action(kind=Kind.FILES, name=f"leftover {number}", reason=EVIL) for number in range(102)]
    found = {"actions": actions, "notes": ["a note"], "unproven": ["a doubt"], "stale": {"news": "'news' is old."}}
    save_cleanup(place.store(), report(4, **found))
    return place


def test_it_says_what_the_last_looks_found_once_a_store(reports: Place, visit: Visit) -> None:
    html = visit("/janitor").text
    look(html)
    assert "<h2>news, tickets</h2>" in html
    for said in ("a note", "a doubt", "is old.", "To tidy up (102)", "2 more stand in", "20260304T043000.json"):
        assert said in html, said
    assert html.count("All is tidy.") == 2
    assert "2026-03-01" not in html
    assert "1 older ones" in html
    assert "<svg onload" not in html


def test_a_store_without_reports_says_so(place: Place, visit: Visit) -> None:
    assert visit("/janitor").text.count("The janitor has not looked here yet") == 2


def test_each_store_and_each_report_fails_alone(reports: Place, visit: Visit) -> None:
    reports.corpora.append(reports.listed("news", corpus="gone", store="nosuch://store"))
    reports.store().write_bytes("janitor/20260305T043000.json", b"half")
    html = visit("/janitor").text
    look(html)
    assert "20260305T043000.json" in html
    assert "Let the janitor look anew" in html
    assert "a doubt" in html
    assert "<h2>gone</h2>" in html
    assert html.count('role="alert"') == 2


def test_it_is_for_who_may_read_the_janitors_runs(
    reports: Place, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(janitor, "may_read_runs", lambda request, user, dag_id: dag_id != "sparse_index_janitor")
    answer = visit("/janitor")
    assert answer.status_code == 403
    assert "sparse_index_janitor" in answer.text
    assert "leftover" not in answer.text


def test_nothing_is_shown_of_a_store_of_others(reports: Place, visit: Visit) -> None:
    reports.corpora = [reports.listed("secret", store=str(reports.folder / "news"))]
    html = visit("/janitor").text
    assert "leftover" not in html
    assert "There is no corpus whose DAG you may read" in html
