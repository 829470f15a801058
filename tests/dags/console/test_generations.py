"""Generations: what one can go back to, and buttons for who may press them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import orjson
import pytest

from console_html import look
from console_place import Place, Visit
from fake_opensearch import fake_cluster
from opensearch_ml.console.sources import OperationRun
from sparse_index.operations.redrive import LATEST
from sparse_index.operations.rollback import PREVIOUS

DAYS = {"news--b20261101t000000-000000": 1, "news--b20261102t000000-000000": 2, "news--b20261103t000000-000000": 3}
LIVE, FORMER, OLDEST = sorted(DAYS, reverse=True)
FAILED = "news--b20261104t000000-000000"


def meta(index: str, day: int, **more: Any) -> dict[str, Any]:
    return {
        "alias": "news",
        "build_id": index.removeprefix("news--b").replace("t", "T"),
        "state": "complete",
        "data_date": f"2026-11-{day:02}",
        "fingerprint": "f" * 16,
        "document_hash": "h",
        "store": "s",
        "manifest": "m",
        "receipt": "r",
        "documents": 1000 + day,
        "promoted_at": f"2026-11-{day:02}T06:00:00+00:00",
    } | more


def body(
    index: str, day: int, live: bool = False, settings: dict[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    aliases: dict[str, Any] = {"news": {}} if live else {}
    return {
        "aliases": aliases,
        "settings": settings or {},
        "mappings": {"_meta": {"sparse_index": meta(index, day, **more)}},
    }


INDICES = {
    LIVE: body(LIVE, 3, live=True),
    FORMER: body(FORMER, 2),
    OLDEST: body(OLDEST, 1, settings={"index.verified_before_close": "true"}),
    FAILED: body(FAILED, 4, promoted_at=None),
}


def answer(method: str, path: str, _: Any) -> Any:
    assert method == "GET", "the console changes nothing"
    if path == "/news/_alias":
        return {LIVE: {"aliases": {"news": {}}}}
    if path == "/news--b*/_stats/store":
        return {"indices": {LIVE: {"primaries": {"store": {"size_in_bytes": 2_500_000}}}}}
    return INDICES if path == "/news--b*" else {LIVE: INDICES[LIVE]}


@pytest.fixture
def open_place(place: Place) -> Place:
    place.cluster = fake_cluster(answer)
    return place


def rows(html: str) -> dict[str, str]:
    found = html.split("<tbody>")[1].split("</tbody>", maxsplit=1)[0].split("<tr>")[1:]
    return {next(name for name in INDICES if f"{name}</a>" in row): " ".join(row.split()) for row in found}


def test_each_index_says_what_it_is_and_why_one_cannot_go_back(open_place: Place, visit: Visit) -> None:
    html = visit("/corpora/news/generations", "user").text
    look(html)
    found = rows(html)
    assert "it is live" in found[LIVE]
    assert "2.5 MB" in found[LIVE]
    assert ">previous<" in found[FORMER]
    assert "it is closed" in found[OLDEST]
    assert "it never went live" in found[FAILED]
    assert [index for index, row in found.items() if "Go back to this one" in row] == [FORMER]


def test_the_dialog_says_what_will_happen_and_asks_airflow_for_it(open_place: Place, visit: Visit) -> None:
    html = visit("/corpora/news/generations", "user").text
    row = rows(html)[FORMER]
    assert f"from {LIVE} to {FORMER}, with the data of 2026-11-02 and 1,002 documents" in unescape(row)
    assert 'data-dag="sparse_index_rollback"' in row
    conf = row.split('data-conf="')[1].split('"')[0]
    assert orjson.loads(unescape(conf)) == {"corpus": "news", "generation": FORMER}


@pytest.mark.parametrize(("role", "shown"), [("viewer", False), ("user", True), ("op", True), ("admin", True)])
def test_buttons_are_for_who_may_start_runs(open_place: Place, visit: Visit, role: str, shown: bool) -> None:
    html = visit("/corpora/news/generations", role).text
    for title in ("Go back to this one", "Build now", "Redrive"):
        assert (title in html) is shown


def dialog(html: str, key: str) -> str:
    return " ".join(unescape(html.split(f'<dialog id="do-{key}"')[1].split("</dialog>", maxsplit=1)[0]).split())


def test_a_feed_is_asked_which_partition_and_offers_the_newest_that_is_whole(open_place: Place, visit: Visit) -> None:
    before = datetime.now(UTC).date()
    assert "data_date" not in dialog(visit("/corpora/news/generations", "user").text, "build")
    open_place.corpora = [open_place.listed("news", searched={"kind": "feed"})]
    html = visit("/corpora/news/generations", "user").text
    look(html)
    days = [day - timedelta(days=1) for day in {before, datetime.now(UTC).date()}]
    assert any(f'type="date" name="data_date" value="{day}"' in dialog(html, "build") for day in days)
    assert "newest promoted build that has any of corpus news" in dialog(html, "redrive")


@pytest.mark.parametrize("paused", [False, True])
def test_a_run_of_a_paused_dag_does_not_start_now(open_place: Place, visit: Visit, paused: bool) -> None:
    open_place.corpora = [open_place.listed("news", paused=paused)]
    html = visit("/corpora/news/generations", "user").text
    said = ["starts now" in dialog(html, "build"), "waits until somebody unpauses its DAG" in dialog(html, "build")]
    assert said == [not paused, paused]
    assert ("waits until somebody unpauses its DAG" in dialog(html, "redrive")) is paused


def test_past_rollbacks_and_redrives_say_who_and_when(open_place: Place, visit: Visit) -> None:
    store, at = open_place.store(), datetime(2026, 11, 3, 7, tzinfo=UTC)
    record = {"summary": "'news' is on x again", "at": at.isoformat(), "notes": ["look"]}
    store.write_json("news/rollbacks/20261103T070000-x.json", record | {"run_id": "manual__1"})
    by_hand = {"summary": "'news' is on y again", "at": "2026-11-02T07:00:00+00:00", "run_id": "cli__2026-11-02"}
    store.write_json("news/rollbacks/20261102T070000-y.json", by_hand)
    store.write_bytes("news/rollbacks/20261103T080000-z.json", b"{")
    open_place.runs = [
        OperationRun("sparse_index_rollback", "manual__1", "success", at, "ann", PREVIOUS),
        OperationRun("sparse_index_rollback", "manual__0", "failed", at - timedelta(days=9), "bob", PREVIOUS),
        OperationRun("sparse_index_redrive", "manual__2", "running", at + timedelta(days=1), "<eve>", LATEST),
    ]
    html = visit("/corpora/news/generations").text
    look(html)
    past = [" ".join(unescape(row).split()) for row in html.split("Rollbacks and redrives")[1].split("<tr>")[2:]]
    wanted = [
        (
            "2026-11-04",
            "<td>redrive</td><td><eve></td>",
            "the letters of the newest build that has any",
            ">running</span>",
        ),
        ("2026-11-03", "<td>rollback</td><td>ann</td>", "'news' is on x again", ">success</span>"),
        ("2026-11-02", "<td>rollback</td><td>the command line</td>", "'news' is on y again", "<td>–</td>"),
        ("2026-10-25", "<td>rollback</td><td>bob</td>", "to the previous generation", ">failed</span>"),
        ("<td>–</td>", "20261103T080000-z.json in the store cannot be read"),
    ]
    assert [all(word in row for word in words) for row, words in zip(past, wanted, strict=True)] == [True] * 5
    assert "<eve>" not in html


def test_redrives_of_the_command_line_are_told_like_those_of_airflow(open_place: Place, visit: Visit) -> None:
    for day, run_id in ((3, "manual__3"), (4, "cli__2026-11-04T07:00:00+00:00")):
        done = {"summary": f"1 of 1 <letters> of day {day} is live", "at": f"2026-11-0{day}T09:00:00+00:00"}
        path = f"news/redrives/2026110{day}T080000-00000{day}.json"
        open_place.store().write_json(path, done | {"run_id": f"redrive__{run_id}"})
    at = datetime(2026, 11, 3, 7, tzinfo=UTC)
    open_place.runs = [OperationRun("sparse_index_redrive", "manual__3", "success", at, "eve", LATEST)]
    html = visit("/corpora/news/generations").text
    look(html)
    by_hand, of_airflow = [
        " ".join(unescape(row).split()) for row in html.split("Rollbacks and redrives")[1].split("<tr>")[2:]
    ]
    assert "2026-11-04 09:00:00</time></td><td>redrive</td><td>the command line</td>" in by_hand
    assert "1 of 1 <letters> of day 4 is live" in by_hand
    assert "<td>redrive</td><td>eve</td>" in of_airflow
    assert "of day 3 is live" in of_airflow
    assert ">success</span>" in of_airflow


def test_without_a_cluster_the_rest_is_there(place: Place, visit: Visit) -> None:
    answer = visit("/corpora/news/generations", "user")
    assert answer.status_code == 200
    assert "does not answer" in answer.text
    assert "Build now" in answer.text


def test_a_clone_is_no_generation_and_a_stranger_is_said(open_place: Place, visit: Visit) -> None:
    strange = {**INDICES, "news--b20261105t000000-000000": {"aliases": {}, "settings": {}, "mappings": {}}}
    open_place.cluster = fake_cluster(
        lambda method, path, _: strange if path == "/news--b*" else answer(method, path, _)
    )
    assert "is called like an index of this corpus" in visit("/corpora/news/generations").text
