"""Every page: well formed, safe, and whole even where what it shows is not there."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

import pytest

from console_html import look
from console_place import BASE, Place, Visit
from fake_opensearch import fake_cluster, http_error
from opensearch_ml.console.blocks import SideBySide
from opensearch_ml.console.pages.build import BOOKS
from sparse_index.console.endings import Endings
from sparse_index.console.listed import FailedRun, Listed
from sparse_index.store.files import Store

BUILD = "20261101T000000-000000"
ROOT = f"{BASE}/sparse-index"
EVIL = '"><svg onload=alert(1)><script>alert(2)</script>'
PAGES = ("/", "/costs", "/corpora/news", f"/corpora/news/builds/{BUILD}")
RECEIPT: dict[str, Any] = {
    "outcome": "failed",
    "summary": EVIL,
    "failures": {"encode[3]": EVIL, EVIL: "x"},
    "untidy": [EVIL],
    "run_id": "manual__2026-11-01T00:00:00+00:00",
    "candidate": EVIL,
    "model": {"name": EVIL},
    "gate": {"checks": [{"name": EVIL, "verdict": EVIL, "value": 1, "limit": 2, "words": EVIL}]},
    "books": {"documents": 9, "rows_read": 9, "unchanged": 5, "encoded": 4},
    "encode": {"encoded": 4, "seconds": 2.0},
    "stage_seconds": {EVIL: 2.0, "scan": 1.0},
    "former_settings": {EVIL: EVIL},
}
STAGES = (
    *("preflight", "plan_shards", "scan", "plan_changes", "reserve", "create_model_group", "register_model"),
    *("wait_registered", "deploy_model", "wait_deployed", "prove_encoder", "encode", "undeploy_model", "delete_model"),
    *("delete_model_group", "prepare_candidate", "index", "reconcile", "gate", "promote", "retire"),
)
CHECKS = (
    *("encoder", "counts", "stored vectors", "drift", "unchanged documents"),
    *("top 10", "latency", "recall@10", "golden", "canaries"),
)


@pytest.fixture
def full(place: Place) -> Place:
    place.corpora = [place.listed("news", description=EVIL, owner=EVIL), place.corpora[1]]
    place.write(BUILD, RECEIPT)
    return place


@pytest.mark.parametrize(
    "path", [*PAGES, "/?q=" + EVIL, "/corpora/nowhere", "/runs/a/b", "/dags/other", "/corpora/news?before=" + EVIL]
)
def test_pages_are_well_formed_and_hold_nothing_that_came_from_outside_as_markup(
    full: Place, visit: Visit, path: str
) -> None:
    answer = visit(path)
    assert answer.status_code in (200, 404, 422), answer.text
    look(answer.text)
    assert "<script>alert" not in answer.text
    assert "<svg onload" not in answer.text
    assert len(answer.content) < 250_000
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    ["%2e%2e", "%2e%2e%2f%2e%2e%2fetc", "%00", "a" * 10_000, "%E2%80%AEx", "20261301T000000-000000", "%3Csvg%3E"],
)
def test_addresses_that_are_no_build_are_not_there(full: Place, visit: Visit, path: str) -> None:
    for address in (f"/corpora/news/builds/{path}", f"/corpora/news/builds/{path}/receipt.json", f"/corpora/{path}"):
        answer = visit(address)
        assert answer.status_code in (404, 307), address
        assert "etc/passwd" not in answer.text


def test_a_build_that_nobody_made_is_not_there(full: Place, visit: Visit) -> None:
    assert visit("/corpora/news/builds/20261102T000000-000000").status_code == 404


def test_a_build_whose_plan_was_refused_leads_to_its_letters_and_its_run(place: Place, visit: Visit) -> None:
    place.store().write_bytes(f"news/builds/{BUILD}/dead_letters/scan.parquet", b"PAR1")
    place.corpora = [place.listed("news", failed=(FailedRun("r1", datetime(2026, 11, 2, tzinfo=UTC)),))]
    answer = visit(f"/corpora/news/builds/{BUILD}")
    assert answer.status_code == 200
    links = look(answer.text).links
    assert f"{ROOT}/corpora/news/dead-letters?build={BUILD}" in links
    assert f"{BASE}/dags/sparse_index__news/runs/r1" in links
    html = visit("/").text
    assert "its last run failed before it planned a build" in html
    assert "has no receipt, and no run of it is at work" not in html


def test_a_failed_build_says_why_and_where_to_look(full: Place, visit: Visit) -> None:
    html = visit(f"/corpora/news/builds/{BUILD}").text
    run = f"{BASE}/dags/sparse_index__news/runs/manual__2026-11-01T00%3A00%3A00%2B00%3A00"
    assert {f"{run}/tasks/encode/mapped/3", run} <= set(look(html).links)
    assert "docs/operate.md#troubleshooting-by-symptom" in html
    assert "9 rows read = 5 unchanged + 4 encoded" in " ".join(html.split())


def test_a_build_whose_gate_never_ran_passed_none(place: Place, visit: Visit) -> None:
    said = {"name": "encoder", "verdict": "pass", "words": "it says what it said"}
    place.write(BUILD, RECEIPT | {"gate": None, "encoder": {"checks": [said]}})
    row = visit("/corpora/news").text.split(f"builds/{BUILD}")[1].split("</tr>")[0]
    assert row.rstrip().endswith("<td>–</td>")
    html = visit(f"/corpora/news/builds/{BUILD}").text
    gate = html.split("<h2>Gate</h2>")[1]
    assert "it says what it said" in html.split("<h2>Encoder</h2>")[1].split("<h2>Gate</h2>")[0]
    assert "Not asked, or not recorded" in gate
    assert "The gate was not asked for any of these builds" in visit("/corpora/news").text
    look(html)


def test_every_part_of_the_books_is_drawn(place: Place, visit: Visit) -> None:
    place.write(BUILD, RECEIPT | {"books": {"documents": 9, "rows_read": 8, **dict.fromkeys(BOOKS, 1)}})
    html = visit(f"/corpora/news/builds/{BUILD}").text
    look(html)
    assert all(name.replace("_", " ") in html for name in BOOKS)


@pytest.mark.parametrize("run_id", ["cli__2026-11-01T00:00:00+00:00", "redrive__cli__2026-11-01T00:00:00+00:00"])
def test_a_build_of_the_command_line_leads_to_no_run_of_airflow(place: Place, visit: Visit, run_id: str) -> None:
    place.write(BUILD, RECEIPT | {"run_id": run_id})
    html = visit(f"/corpora/news/builds/{BUILD}").text
    assert "By the command line" in html
    assert not any("/runs/" in link for link in look(html).links)


def test_the_cluster_that_is_down_is_said_and_the_builds_are_there(full: Place, visit: Visit) -> None:
    for path in ("/", "/corpora/news"):
        answer = visit(path)
        assert answer.status_code == 200
        assert "does not answer" in answer.text
        assert BUILD in answer.text


@pytest.mark.parametrize(
    "data", [b'{"outcome": "prom', b"[]", b"\xff", b"null", b'{"form": 99, "outcome": "promoted"}', b"{}"]
)
def test_a_receipt_that_cannot_be_read_leaves_the_pages_whole(place: Place, visit: Visit, data: bytes) -> None:
    place.store().write_bytes(f"news/builds/{BUILD}/receipt.json", data)
    for path in PAGES:
        answer = visit(path)
        assert answer.status_code == 200, path
        look(answer.text)


def test_a_store_that_is_missing_or_no_store_is_no_error(place: Place, visit: Visit) -> None:
    place.corpora = [place.listed("news", store="nonsense://nowhere"), place.listed("tickets", store="/does/not/exist")]
    for path in ("/", "/corpora/news", "/corpora/tickets", f"/corpora/news/builds/{BUILD}"):
        assert visit(path).status_code == 200, path
    assert "nonsense" in visit("/corpora/news").text
    assert "No build yet" in visit("/corpora/tickets").text


@pytest.mark.parametrize("deadline_s", [2.0])
def test_what_hangs_keeps_no_page_waiting(place: Place, visit: Visit) -> None:
    place.hangs_s = 120.0
    place.write(BUILD, RECEIPT)
    began = time.monotonic()
    answer = visit("/corpora/news")
    assert time.monotonic() - began < 100
    assert "No answer within 2 seconds" in answer.text
    assert BUILD in answer.text


@pytest.mark.parametrize("deadline_s", [2.0])
def test_a_store_that_hangs_is_its_own_corpus_problem_and_nobody_says_that_all_is_well(
    place: Place, visit: Visit
) -> None:
    place.hangs_s, place.hanging_stores = 120.0, {"tickets"}
    place.write(BUILD, RECEIPT)
    began = time.monotonic()
    html = visit("/").text
    assert time.monotonic() - began < 100
    news, tickets = (html.split(f'href="{ROOT}/corpora/{name}"')[1].split("</tr>")[0] for name in ("news", "tickets"))
    assert BUILD in news
    assert "cannot be read" not in news
    assert "its store cannot be read" in tickets
    assert "No answer within 2 seconds" in tickets


def test_a_page_that_may_ask_nobody_blames_no_store(
    place: Place, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write(BUILD, RECEIPT)
    visit("/")
    monkeypatch.setattr(SideBySide, "_start", lambda *_: None)
    html = visit("/").text
    assert html.count("Builds: Too many questions wait for an answer already") == 1
    assert "its store cannot be read" not in html


def test_a_broken_corpus_shows_all_its_problems(place: Place, visit: Visit) -> None:
    place.corpora = [Listed("news", "sparse_index__news", problems=("no id column", EVIL))]
    for path in ("/", "/corpora/news"):
        html = visit(path).text
        look(html)
        assert "no id column" in html


OF_A_CORPUS = (
    *("", "/generations", "/search", "/dead-letters", "/dead-letters.csv"),
    *(f"/builds/{BUILD}", f"/builds/{BUILD}/receipt.json", f"/builds/{BUILD}/plan.json"),
)


@pytest.mark.parametrize(
    "path",
    [*(f"/corpora/news{page}" for page in OF_A_CORPUS), "/dags/sparse_index__news", "/runs/sparse_index__news/r1"],
)
def test_a_corpus_that_nobody_ever_declared_has_a_page_of_its_problems_alone(
    place: Place, visit: Visit, path: str
) -> None:
    place.corpora = [Listed("news", "sparse_index__news", problems=("no id column",))]
    answer = visit(path, "admin")
    assert answer.status_code == (503 if path.endswith((".csv", ".json")) else 200)
    html = answer.text
    look(html)
    assert "no id column" in html
    assert not any(said in html for said in ("There are none", "no build", "No build", "Not a search index"))


def test_a_corpus_whose_file_breaks_keeps_its_pages(
    place: Place, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.folder)
    place.corpora = [place.listed("news", problems=("no id column",), broken_dag="sparse_index_broken__news")]
    place.write(BUILD, RECEIPT)
    place.plans["sparse_index__news", "r1"] = f"news/builds/{BUILD}/plan.json"
    for path in ("/", "/corpora/news", f"/corpora/news/builds/{BUILD}", "/corpora/news/generations"):
        answer = visit(path, "admin")
        assert answer.status_code == 200, path
        assert BUILD in answer.text or path.endswith("generations")
        assert "Build now" not in answer.text
        look(answer.text)
    for path in ("/", "/corpora/news", "/dags/sparse_index_broken__news"):
        assert "no id column" in visit(path).text
    assert visit("/runs/sparse_index__news/r1").headers["location"] == f"{ROOT}/corpora/news/builds/{BUILD}"
    assert visit("/dags/sparse_index__news").headers["location"] == f"{ROOT}/corpora/news"
    assert "Not planned yet" in visit("/runs/sparse_index__news/r2").text
    assert "Costs" in visit("/costs").text


def test_a_run_that_failed_before_its_plan_is_told_and_led_to(place: Place, visit: Visit) -> None:
    place.write(BUILD, {"outcome": "promoted"})
    run = FailedRun("manual__1+00:00", datetime(2026, 11, 2, tzinfo=UTC))
    place.corpora = [place.listed("news", failed=(run,))]
    html = visit("/").text
    assert "its last run failed before it planned a build" in html
    assert f"{BASE}/dags/sparse_index__news/runs/manual__1%2B00%3A00" in look(html).links


def test_what_is_broken_has_a_page_whatever_its_name(place: Place, visit: Visit) -> None:
    place.corpora = [Listed("/no/such/folder", "sparse_index__news", problems=("there is no folder",))]
    assert f"{ROOT}/dags/sparse_index__news" in look(visit("/").text).links
    html = visit("/dags/sparse_index__news").text
    assert "there is no folder" in html
    assert f"{BASE}/dags/sparse_index__news" in look(html).links


def test_a_run_leads_to_its_build_and_waits_for_its_plan(place: Place, visit: Visit) -> None:
    place.write(BUILD, RECEIPT)
    run = "manual__2026-11-01T00:00:00+00:00"
    assert "Not planned yet" in visit(f"/runs/sparse_index__news/{run.replace('+', '%2B')}").text
    place.plans["sparse_index__news", run] = f"news/builds/{BUILD}/plan.json"
    answer = visit(f"/runs/sparse_index__news/{run.replace('+', '%2B')}")
    assert answer.headers["location"] == f"{ROOT}/corpora/news/builds/{BUILD}"
    assert "keeps no search index" in visit("/runs/somebody_elses/r1").text
    assert visit("/dags/sparse_index__news").headers["location"] == f"{ROOT}/corpora/news"


@pytest.mark.parametrize(
    ("goes_on", "polls", "said"),
    [
        (True, True, "its run is at work"),
        (False, False, "its run has ended without one"),
        (None, False, "it is at work, or it was killed"),
    ],
)
def test_a_build_without_a_receipt_follows_its_run_as_long_as_that_goes_on(
    place: Place, visit: Visit, goes_on: bool | None, polls: bool, said: str
) -> None:
    place.store().write_json(f"news/builds/{BUILD}/plan.json", {"request": {"run_id": "r1"}, "counts": {"new": 4}})
    if goes_on is not None:
        place.going_on["sparse_index__news", "r1"] = goes_on
    html = visit(f"/corpora/news/builds/{BUILD}").text
    assert ('data-progress data-dag="sparse_index__news" data-run="r1"' in html) is polls
    assert said in html
    look(html)


def test_a_plan_that_cannot_be_read_is_said(place: Place, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write(BUILD, {"outcome": "promoted"})
    read = Store.read_json

    def no_plans(store: Store, path: str) -> Any:
        if path.endswith("plan.json"):
            raise PermissionError("the store lets nobody read plans")
        return read(store, path)

    monkeypatch.setattr(Store, "read_json", no_plans)
    html = visit(f"/corpora/news/builds/{BUILD}").text
    assert html.count("The store cannot be read: the store lets nobody read plans.") == 1
    look(html)


def test_who_logs_in_comes_back_to_the_whole_address(place: Place, visit: Visit) -> None:
    login = next(link for link in look(visit("/?q=a%26b&page=2", None).text).links if "/auth/login" in link)
    assert unquote(login.split("?next=")[1]) == f"{ROOT}/?q=a%26b&page=2"


def _all_fields(number: int) -> dict[str, Any]:
    """A receipt of a large corpus with everything in it that the page of builds shows, no two numbers alike."""
    many = 41_234_567 + 7_919 * number
    checks = [
        {"name": name, "verdict": "pass", "value": 0.12345 + number / 977, "limit": 0.5, "words": "w" * 80}
        for name in CHECKS
    ]
    return RECEIPT | {
        "outcome": "promoted",
        "run_id": f"scheduled__2026-11-01T{number:04}",
        "data_date": "2026-11-01",
        "partition": "2026-11-01",
        "planned": dict.fromkeys(("new", "text_changed", "fields_changed", "deleted"), many // 97),
        "books": {"documents": many, "reused": many - 5, "dead_letters": 1 + number, "rows_read": many},
        "encode": {"encoded": many // 31, "seconds": 4_321.5 + number, "predict_calls": many // 800, "dead_letters": 3},
        "bytes": {"candidate": many * 1_031, "store": many * 7, "vectors": many * 3},
        "wall_seconds": 7_654.3 + number,
        "waited_seconds": 321.5 + number,
        "stage_seconds": dict.fromkeys(STAGES, 123.4 + number),
        "gate": {"checks": checks},
    }


def test_a_thousand_builds_are_shown_sixty_at_a_time_and_their_page_stays_small(place: Place, visit: Visit) -> None:
    for number in range(1000):
        place.write(f"20261101T{number // 60:02}{number % 60:02}00-000000", _all_fields(number))
    html = visit("/corpora/news").text
    assert html.count('<th scope="row"><a') == 60
    assert len(html.encode()) < 200_000
    links = look(html).links
    assert any(link.startswith("?before=") for link in links)
    newest = f"{ROOT}/corpora/news/builds/20261101T163900-000000"
    assert [urljoin(f"{ROOT}/corpora/news", link) for link in links].count(
        newest
    ) == 6  # of the list, and a chart's each


def test_the_files_of_a_build_are_there_as_json(full: Place, visit: Visit) -> None:
    answer = visit(f"/corpora/news/builds/{BUILD}/receipt.json")
    assert answer.json()["outcome"] == "failed"
    assert answer.headers["content-type"] == "application/json"
    assert visit(f"/corpora/news/builds/{BUILD}/plan.json").status_code == 404
    assert visit(f"/corpora/news/builds/{BUILD}/secret.json").status_code == 404


@pytest.mark.parametrize(("store", "said"), [("nonsense://nowhere", "nonsense"), ("here", "nobody answers")])
def test_a_file_of_a_store_that_cannot_be_asked_may_be_there_later(
    place: Place, visit: Visit, monkeypatch: pytest.MonkeyPatch, store: str, said: str
) -> None:
    def away(*_: object) -> Any:
        raise ConnectionError("nobody answers")

    monkeypatch.setattr(Store, "read_json", away)
    place.corpora = [place.listed("news", store=store)]
    answer = visit(f"/corpora/news/builds/{BUILD}/receipt.json")
    assert answer.status_code == 503
    assert said in answer.text


@pytest.mark.parametrize("name", ["console.css", "console.js", "search-light.svg", "search-dark.svg"])
def test_the_assets_are_small_and_ours_alone(visit: Visit, name: str) -> None:
    answer = visit(f"/assets/{name}", None)
    assert answer.status_code == 200
    assert "://" not in answer.text.replace("http://www.w3.org", "")


def test_style_and_script_stay_small(visit: Visit) -> None:
    style, script = visit("/assets/console.css", None).text, visit("/assets/console.js", None).text
    assert len(style.encode()) + len(script.encode()) <= 25_000
    assert script.count("\n") <= 250


def test_no_other_file_is_an_asset(visit: Visit) -> None:
    assert visit("/assets/..%2Fapp.py", None).status_code == 404
    assert visit("/assets/app.py", None).status_code == 404


def test_the_overview_says_what_former_builds_left_open_and_leads_there(place: Place, visit: Visit) -> None:
    gate = {"checks": [{"name": "golden", "verdict": "undecided"}]}
    place.write(BUILD, {"outcome": "promoted", "books": {"dead_letters": 4}, "gate": gate})
    place.write("20261102T000000-000000", {"outcome": "failed", "books": {"dead_letters": 99}})
    page = look(visit("/").text)
    assert f"{ROOT}/corpora/news/dead-letters?build={BUILD}" in page.links
    row = " ".join(visit("/").text.split("<tbody>")[1].split("<tr>")[1].split())
    assert "the last gate had a doubt" in row
    assert "4 rows are in no index" in row
    assert f'builds/{BUILD}"><span class="badge undecided">' in row


@pytest.fixture
def doubtful(place: Place) -> Place:
    """More corpora than a page has; of the last one the gate was in doubt, then nothing changed."""
    names = [f"c{number:02}" for number in range(60)]
    place.corpora = [place.listed(name, dag_id="sparse_index__news") for name in names]
    for name in names:
        gate = {"checks": [{"name": "golden", "verdict": "undecided" if name == names[-1] else "pass"}]}
        place.write(BUILD, {"outcome": "promoted", "books": {"dead_letters": 0}, "gate": gate}, name)
    place.write("20261102T000000-000000", {"outcome": "nothing_changed", "planned": {"dead_letters": 0}}, names[-1])
    return place


def _order(html: str) -> list[str]:
    return [row.split("</a>")[0].split(">")[-1] for row in html.split('<th scope="row">')[1:]]


def test_the_page_of_a_corpus_follows_from_all_that_its_row_shows(doubtful: Place, visit: Visit) -> None:
    first, second = _order(visit("/").text), _order(visit("/?page=2").text)
    assert first[:2] == ["c59", "c00"]
    assert len(first) == 50
    assert second == [f"c{number:02}" for number in range(49, 59)]


def test_where_former_builds_do_not_come_the_order_says_what_it_follows(
    doubtful: Place, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Endings, "of", lambda *_: Path("/does/not/exist").stat())
    html = visit("/").text
    assert "/does/not/exist is not there. Until then the order follows the newest build of each corpus alone." in html
    assert _order(html)[:2] == ["c00", "c01"]


def test_the_overview_says_where_letters_are_at_most_so_many(place: Place, visit: Visit) -> None:
    for day, letters in ((1, 4), (2, 0)):
        said = {"outcome": "promoted", "partition": f"2026-11-0{day}", "books": {"dead_letters": letters}}
        place.write(f"2026110{day}T000000-000000", said)
    html = " ".join(visit("/").text.split())
    assert "at most 4 rows are in no index" in html
    assert f'at most <a href="{ROOT}/corpora/news/dead-letters?build={BUILD}">4</a>' in html


def test_a_corpus_whose_cluster_is_silent_is_not_said_to_need_nobody(place: Place, visit: Visit) -> None:
    assert visit("/").text.count("what is live could not be asked") == len(place.corpora)


def test_an_alias_that_the_account_may_not_read_hides_no_other(place: Place, visit: Visit) -> None:
    def answer(method: str, path: str, _: Any) -> Any:
        if "tickets" in path:
            raise http_error(403, "security_exception", "no permissions for [indices:admin/get]")
        return {"news--b1": {"aliases": {"news": {}}}}

    place.cluster = fake_cluster(answer)
    html = visit("/").text
    assert "news--b1" in html
    assert "GET /tickets: permission missing (403)" in html
    assert html.count("what is live could not be asked") == 1
    assert "permission missing" in visit("/corpora/tickets").text
