"""Costs: of the corpora that one may read, on a page and as a file."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from console_html import look
from console_place import Place, Visit
from fake_opensearch import fake_cluster
from sparse_index.console.costs import Work
from sparse_index.console.listed import Listed
from sparse_index.console.prices import EXAMPLE, VARIABLE
from sparse_index.store.files import Store, StoredFile

NOW = datetime(2026, 11, 16, tzinfo=UTC)
MONTH, BUILD = "2026-11", "20261101T000000-000000"
RECEIPT = {
    "outcome": "promoted",
    "encode": {"encoded": 1_234, "predict_calls": 20, "seconds": 7_200.0},
    "wall_seconds": 9_000.0,
    "index": {"bytes": 5_000_000},
}


def sizes(method: str, path: str, _: Any) -> Any:
    assert (method, path) == ("GET", "/news--b*,tickets--b*/_stats/store")
    return {"indices": {"news--b20261101t000000-000000": {"total": {"store": {"size_in_bytes": 2_500_000_000}}}}}


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opensearch_ml.console.pages.costs.utc_now", lambda: NOW)


@pytest.fixture
def full(place: Place) -> Place:
    place.write(BUILD, RECEIPT)
    place.write(BUILD, RECEIPT, "secret")
    place.corpora.append(place.listed("secret"))
    place.cluster = fake_cluster(sizes)
    return place


def test_costs_are_those_of_the_corpora_that_one_may_read(full: Place, visit: Visit) -> None:
    answer = visit("/costs")
    assert answer.status_code == 200
    look(answer.text)
    assert "1,234" in answer.text
    assert "2.5 GB" in answer.text
    assert "secret" not in answer.text
    assert "SPARSE_INDEX_PRICES" in answer.text
    assert visit("/costs", None).status_code == 401
    assert visit("/costs.csv", None).status_code == 401


def test_with_prices_there_is_money(full: Place, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, EXAMPLE)
    html = visit("/costs").text
    assert "Encoding, EUR" in html
    assert "0.80" in html
    monkeypatch.setenv(VARIABLE, "{")
    broken = visit("/costs")
    assert (broken.status_code, "1,234" in broken.text) == (200, True)
    assert "cannot be read, so no money is shown" in broken.text


def test_the_file_says_the_same_and_nothing_of_others(full: Place, visit: Visit) -> None:
    answer = visit(f"/costs.csv?month={MONTH}")
    assert answer.headers["content-disposition"] == f'attachment; filename="costs-{MONTH}.csv"'
    rows = {row["corpus"]: row for row in csv.DictReader(io.StringIO(answer.text))}
    assert set(rows) == {"news", "tickets"}
    assert rows["news"]["texts_encoded"] == "1234"
    assert rows["news"]["index_bytes"] == "2500000000"
    assert rows["tickets"]["builds"] == "0"


def test_without_a_cluster_the_rest_is_there(full: Place, visit: Visit) -> None:
    full.cluster = None
    answer = visit("/costs")
    assert answer.status_code == 200
    assert "1,234" in answer.text
    assert "does not answer" in answer.text


def test_what_was_kept_in_a_former_month_nobody_knows(full: Place, visit: Visit) -> None:
    full.cluster = None
    html = visit("/costs?month=2020-01").text
    look(html)
    assert "Kept in indices" not in html
    assert "does not answer" not in html


@pytest.fixture
def large(full: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """The files of `tickets`, which shares the store of `news`, are more than can be listed while a page waits."""
    full.corpora = [full.listed(name, store=str(full.folder / "news")) for name in ("news", "tickets")]
    listing, listed = Store.listing, threading.Event()

    def slow(store: Store, folder: str = "") -> list[StoredFile]:
        return listing(store, folder) if folder != "tickets" or listed.wait(60) else []

    monkeypatch.setattr(Store, "listing", slow)
    yield full
    listed.set()


@pytest.mark.parametrize("deadline_s", [2.0])
def test_a_corpus_of_many_files_loses_their_number_alone(large: Place, visit: Visit) -> None:
    large.write(BUILD, RECEIPT)
    large.store().write_json(f"tickets/builds/{BUILD}/receipt.json", RECEIPT)
    rows = {row["corpus"]: row for row in csv.DictReader(io.StringIO(visit("/costs.csv").text))}
    assert [rows[name]["texts_encoded"] for name in ("news", "tickets")] == ["1234", "1234"]
    assert int(rows["news"]["store_bytes"]) > 0
    assert rows["news"]["problems"] == ""
    assert rows["tickets"]["store_bytes"] == ""
    assert rows["tickets"]["index_bytes"] == "0"
    assert "No answer within 2 seconds" in rows["tickets"]["problems"]


def test_an_odd_error_of_one_corpus_is_its_own(full: Place, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    full.corpora = [full.listed(name, store=str(full.folder / "news")) for name in ("news", "tickets")]

    def odd(listed: Listed, *_: Any) -> Work:
        if listed.corpus == "tickets":
            raise ArithmeticError("s3://key:secret@host/")
        return Work(7)

    monkeypatch.setattr("opensearch_ml.console.pages.costs.work_of", odd)
    rows = {row["corpus"]: row for row in csv.DictReader(io.StringIO(visit("/costs.csv").text))}
    assert (rows["news"]["builds"], rows["news"]["problems"]) == ("7", "")
    assert "could not be shown (ArithmeticError)" in rows["tickets"]["problems"]


@pytest.mark.parametrize("month", ["", "2026", "2026-13", "2026-00", "x", "2026-01-01", "%00", "../..", "9" * 10_000])
def test_what_is_no_month_is_said(place: Place, visit: Visit, month: str) -> None:
    answer = visit(f"/costs?month={month}")
    assert answer.status_code == 422
    look(answer.text)


def test_no_corpus_no_costs(place: Place, visit: Visit) -> None:
    place.corpora = []
    assert "No corpus is here that you may read" in visit("/costs").text
