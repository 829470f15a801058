"""The page and the file of dead letters: who sees which of it, and what must not become markup, formula or path."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pyarrow as pa
import pytest

from console_html import look
from console_place import Place, Visit
from sparse_index.builds.dead_letters import SCHEMA
from sparse_index.console.remedies import _WORDS, remedy
from sparse_index.corpus.oddities import Oddities
from sparse_index.errors import UnavailableError
from sparse_index.store.files import Store

BUILD = "20261101T000000-000000"
PAGE = "/corpora/news/dead-letters"
EVIL = '=1+1"><svg onload=alert(1)>'
SECRET = "the words of a customer"
QUOTED = "s3cret words"
REASON = f"failed to parse field [price] of type [long] in document with id '7'. Preview of field's value: '{QUOTED}'"
RECEIPT = {
    "outcome": "failed",
    "failures": {
        "reconcile": f"news--b1 does not hold what the corpus says: document 7 has title {QUOTED}",
        "gate": f"The gate refuses news--b1: counts; canaries: 1 of 1 canaries miss a document: q1 '{QUOTED}' did not find d1",
    },
    "letters": [{"stage": "index", "error_class": "mapper_parsing_exception", "reason": REASON, "letters": 1}],
    "gate": {
        "checks": [{"name": "canaries", "verdict": "fail", "words": f"missed: q1 '{QUOTED}' did not find d1"}],
        "moved": [{"text": QUOTED, "alike": 0.5, "filters": [QUOTED]}],
    },
}


def write(place: Place, many: int, name: str = "index-00000", **more: Any) -> None:
    usual = {
        "stage": "index",
        "error_class": "Refused",
        "reason": EVIL,
        "attempt": 2,
        "build_id": BUILD,
        "file": "a.parquet",
    }
    rows = [
        usual | {"id": f"d{number}", "row_group": 0, "row": number, "source": SECRET} | more for number in range(many)
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    place.store().write_table(f"news/builds/{BUILD}/dead_letters/{name}.parquet", table)


def test_the_page_and_the_builds_own_page_say_why_and_lead_to_each_other(place: Place, visit: Visit) -> None:
    said = {"stage": "index", "error_class": "Refused", "reason": EVIL, "letters": 120}
    place.write(BUILD, {"outcome": "promoted", "books": {"dead_letters": 120, "documents": 5}, "letters": [said]})
    write(place, 120)
    first, last = visit(PAGE).text, visit(f"{PAGE}?build={BUILD}&class=Refused&page=3").text
    assert "page 1 of 3" in first
    assert ("d49<" in first, "d50<" in first) == (True, False)
    assert ("d99<" in last, "d119<" in last) == (False, True)
    assert any(link.endswith(f"{PAGE}?page=2&build={BUILD}&class=Refused") for link in look(last).links)
    assert "<svg onload" not in first
    build = visit(f"/corpora/news/builds/{BUILD}").text
    assert "<td>Refused</td>" in build
    assert "<svg onload" not in build
    assert any(link.endswith(f"{PAGE}?build={BUILD}") for link in look(build).links)
    assert f"news/dead-letters?build={BUILD}" in look(visit("/corpora/news").text).links


def test_what_a_failed_build_refused_is_counted_and_may_be_in_an_index(place: Place, visit: Visit) -> None:
    """Those of the build before it may have been put right since."""
    place.write(BUILD, {"outcome": "failed", "planned": {"dead_letters": 2}, "index": {"dead_letters": 1}})
    write(place, 3)
    assert f'dead-letters?build={BUILD}">3</a>' in visit("/corpora/news").text
    assert "3 rows that it refused" in visit(f"/corpora/news/builds/{BUILD}").text
    html = visit(f"{PAGE}?build={BUILD}").text
    assert "This build refused 3 rows." in html
    assert "in no index" not in html


@pytest.mark.parametrize(("role", "sees"), [("viewer", False), ("user", True), ("op", True), ("admin", True)])
def test_source_rows_are_for_who_may_edit_the_dag(place: Place, visit: Visit, role: str, sees: bool) -> None:
    write(place, 2)
    assert (SECRET in visit(PAGE, role).text) is sees
    assert (SECRET in visit(f"{PAGE}.csv", role).text) is sees


def test_source_rows_can_be_switched_off_for_all(place: Place, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place, 2)
    monkeypatch.setenv("SPARSE_INDEX_CONSOLE_CONTENT", "off")
    assert SECRET not in visit(PAGE, "admin").text + visit(f"{PAGE}.csv", "admin").text


@pytest.mark.parametrize(
    ("role", "switch", "sees"), [("viewer", "on", False), ("admin", "on", True), ("admin", "off", False)]
)
def test_values_that_are_quoted_are_content(
    place: Place, visit: Visit, monkeypatch: pytest.MonkeyPatch, role: str, switch: str, sees: bool
) -> None:
    monkeypatch.setenv("SPARSE_INDEX_CONSOLE_CONTENT", switch)
    place.write(BUILD, RECEIPT)
    write(place, 2, reason=REASON)
    write(place, 2, "index-00001", error_class="value_not_kept", reason=f"'price': {QUOTED} is kept as another number")
    build = f"/corpora/news/builds/{BUILD}"
    for path in (build, f"{build}/receipt.json", "/corpora/news/dead-letters", "/corpora/news/dead-letters.csv"):
        answer = visit(path, role)
        assert answer.status_code == 200, path
        assert (QUOTED in answer.text) == sees, path
        assert "failed to parse field [price] of type [long] in document with id" in answer.text
        assert "counts" in answer.text or "letters" in path, "what quotes nothing is shown to all"


@pytest.mark.parametrize(
    ("role", "switch", "sees"), [("viewer", "on", False), ("admin", "on", True), ("admin", "off", False)]
)
def test_a_value_that_a_plan_quotes_is_content(
    place: Place, visit: Visit, monkeypatch: pytest.MonkeyPatch, role: str, switch: str, sees: bool
) -> None:
    monkeypatch.setenv("SPARSE_INDEX_CONSOLE_CONTENT", switch)
    note = next(Oddities(unkept=1, example=f"'salary': {QUOTED}").notes())
    place.store().write_json(f"news/builds/{BUILD}/plan.json", {"kind": "full", "notes": [note, "seen: all"]})
    build = f"/corpora/news/builds/{BUILD}"
    for path in (build, f"{build}/plan.json"):
        answer = visit(path, role)
        assert (QUOTED in answer.text) is sees, path
        assert "a value that cannot be kept" in answer.text
        assert "seen: all" in answer.text


@pytest.mark.parametrize("stage", ["scan", "encode", "index", "reconcile", "gate"])
def test_who_sees_less_is_sent_to_the_same_chapter(place: Place, visit: Visit, stage: str) -> None:
    said = {f"{stage}[{part}]": f"Part 1 of 'news' (b1): '{QUOTED}': {words}" for part, words in enumerate(_WORDS)}
    place.write(BUILD, {"outcome": "failed", "failures": said})
    chapter = re.compile("What to do next: <code>(.*?)</code>")
    told = {role: chapter.findall(visit(f"/corpora/news/builds/{BUILD}", role).text) for role in ("viewer", "admin")}
    assert told["viewer"] == told["admin"] == [remedy(stage, said=words) for words in _WORDS]


def test_the_file_holds_what_the_page_shows_and_no_formula(place: Place, visit: Visit) -> None:
    write(place, 60, id="+1")
    answer = visit(f"{PAGE}.csv?class=Refused", "op")
    head, *rows = csv.reader(io.StringIO(answer.text))
    assert answer.headers["content-type"].startswith("text/csv")
    assert (head[:4], len(rows)) == (["id", "stage", "error_class", "reason"], 60)
    assert {row[0] for row in rows} == {"'+1"}
    assert {row[3] for row in rows} == {f"'{EVIL}"}


def test_a_file_that_goes_away_half_way_breaks_the_download_off(
    place: Place, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has been sent by then must not be taken for all there is."""
    write(place, 300)
    read = Store.read_table
    whole = visit(f"{PAGE}.csv").text

    def lose(store: Store, path: str, columns: list[str] | None = None, row_groups: Any = None) -> pa.Table:
        if row_groups is not None:
            raise FileNotFoundError(2, "gone", path)
        return read(store, path, columns)

    monkeypatch.setattr(Store, "read_table", lose)
    assert len(whole.splitlines()) == 301
    with pytest.raises(UnavailableError, match=r"index-00000[.]parquet is not there"):
        visit(f"{PAGE}.csv")


def test_a_page_full_of_long_rows_stays_small(place: Place, visit: Visit) -> None:
    write(place, 50, source='{"body": "' + "&" * 20_000 + '"}')
    answer = visit(PAGE, "admin")
    assert len(answer.content) < 750_000
    assert "this page has no room for it" in answer.text
    assert "Cut at 10,000 characters" in answer.text


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("?page=0", 422),
        ("?page=201", 422),
        ("?page=x", 422),
        ("?class=" + "a" * 201, 422),
        ("?build=..%2f..%2fetc", 404),
        ("?build=%00", 404),
        (f"?build={BUILD}&class=%22%3E%3Csvg%20onload%3E", 200),
        ("?page=200", 200),
    ],
)
def test_what_cannot_be_asked_for(place: Place, visit: Visit, asked: str, code: int) -> None:
    write(place, 1)
    page, file = visit(f"{PAGE}{asked}"), visit(f"{PAGE}.csv{asked}")
    assert page.status_code == code
    assert file.status_code == (code if "page" not in asked else 200)
    assert "<svg onload" not in page.text


def test_a_corpus_without_builds_and_a_torn_file(place: Place, visit: Visit) -> None:
    assert "There are none." in visit(PAGE).text
    place.store().write_bytes(f"news/builds/{BUILD}/dead_letters/index-00000.parquet", b"PAR1 torn")
    page, file = visit(PAGE), visit(f"{PAGE}.csv")
    assert (page.status_code, file.status_code) == (200, 503)
    assert "torn or no Parquet" in page.text
    look(page.text)


def test_letters_of_a_corpus_that_is_not_theirs_are_not_there(place: Place, visit: Visit) -> None:
    place.corpora.append(place.listed("secret"))
    assert (
        visit("/corpora/secret/dead-letters").status_code
        == visit("/corpora/secret/dead-letters.csv").status_code
        == 404
    )
    assert visit(PAGE, None).status_code == 401
