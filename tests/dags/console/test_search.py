"""The search page: two answers side by side, for who may see content."""

from __future__ import annotations

import threading
from html import unescape
from typing import Any

import pytest
from fastapi import FastAPI

from build_plans import corpus_config
from console_html import look
from console_place import Place, Visit
from fake_opensearch import fake_cluster, http_error
from opensearch_ml.console.blocks import MOST_AT_ONCE
from sparse_index.store.files import Store

LIVE, FORMER, CANDIDATE, HALF = (f"news--b2026110{day}t000000-000000" for day in (3, 2, 4, 5))
EVIL = '"><svg onload=alert(1)>\u202e'
PAGE = "/corpora/news/search"
# Id -> title, by what is asked: full text, or the sparse field.
BM25 = {"a": "slow engine", "b": "slow train", EVIL: EVIL}
SPARSE = {"b": "slow train", "a": "slow engine", "c": "sluggish app"}


FIELDS = {"title": {"type": "text", "fields": {"raw": {"type": "keyword"}}}, "text_sparse": {"type": "rank_features"}}
CONFIG = corpus_config("news", search={"query": {"text_sparse": "analyzer"}}, source={"text_template": "{title}"})


def _index(name: str, day: int, **more: Any) -> dict[str, Any]:
    meta = {
        "alias": "news",
        "build_id": name.removeprefix("news--b").replace("t", "T"),
        "state": "complete",
        "data_date": f"2026-11-0{day}",
        "fingerprint": "f" * 16,
        "document_hash": CONFIG.document_hash(),
        "store": "s",
        "manifest": "m",
        "receipt": "r",
        "documents": 3,
        "promoted_at": f"2026-11-0{day}T06:00:00+00:00",
    } | more
    settings = {"index.number_of_shards": "1", "index.number_of_replicas": "0", "index.version.created_string": "3.6.0"}
    aliases: dict[str, Any] = {"news": {}} if name == LIVE else {}
    return {
        "aliases": aliases,
        "settings": settings,
        "mappings": {"_meta": {"sparse_index": meta}, "properties": FIELDS},
    }


INDICES = {
    LIVE: _index(LIVE, 3),
    FORMER: _index(FORMER, 2),
    CANDIDATE: _index(CANDIDATE, 4, promoted_at=None),
    HALF: _index(HALF, 5, promoted_at=None, state="building"),
}


class Searched:
    """A cluster with these `indices`. `asked`: methods and paths; `queries`: those of the searches; `refuses`: raised for the
    search of an index."""

    def __init__(self) -> None:
        self.indices = dict(INDICES)
        self.asked: list[tuple[str, str]] = []
        self.refuses: dict[str, Exception] = {}
        self.queries: list[str] = []

    def __call__(self, method: str, path: str, body: Any) -> Any:
        self.asked.append((method, path))
        if path.endswith("/_search"):
            return self._search(path.split("/")[1], body)
        if path.endswith("/_analyze"):
            return {"detail": {"analyzer": {"tokens": [{"token": word} for word in body["text"].split()]}}}
        if path == "/news/_alias":
            return {LIVE: {"aliases": {"news": {}}}}
        if path.endswith("/_stats/store"):
            return {}
        there = self.indices
        return there if path == "/news--b*" else {name: there[name] for name in [_physical(path)] if name in there}

    def _search(self, index: str, body: dict[str, Any]) -> Any:
        if index in self.refuses:
            raise self.refuses[index]
        by_words = "multi_match" in str(body["query"])
        self.queries.append(str(body["query"]))
        found = list((BM25 if by_words else SPARSE).items())[: body["size"]]
        hits = [
            {"_id": id_, "_score": 9.0 - rank, "_source": {"title": title, "text_sparse": {"slow": 2.0, "##x": 0.5}}}
            for rank, (id_, title) in enumerate(found)
        ]
        return {"_shards": {"total": 1, "successful": 1, "failed": 0}, "hits": {"hits": hits}}

    @property
    def searches(self) -> list[str]:
        return [path.split("/")[1] for _, path in self.asked if path.endswith("/_search")]


def _physical(path: str) -> str:
    name = path.split("/")[1]
    return LIVE if name == "news" else name


@pytest.fixture
def cluster(place: Place) -> Searched:
    place.corpora = [place.listed("news", searched=CONFIG.model_dump(mode="json")), place.corpora[1]]
    searched = Searched()
    place.cluster = fake_cluster(searched)
    return searched


def sides(html: str) -> list[str]:
    return [" ".join(unescape(each).split()) for each in html.split("<section")[1:]]


def test_two_ways_of_asking_stand_side_by_side(cluster: Searched, visit: Visit) -> None:
    html = visit(f"{PAGE}?q=slow%20%23%23x", "user").text
    look(html)
    left, right = sides(html)
    assert "Left: bm25 on live" in left
    assert "Right: sparse on live" in right
    assert cluster.searches == [LIVE, LIVE]
    assert '<strong>a</strong> <span class="badge yellow">1 higher here' in left
    assert '<strong>c</strong> <span class="badge yellow">only here' in right
    assert "the query by analyzer standard: slow 1, ##x 1" in right
    # 2.0 and 0.5 of 2.5: the second is no word of the document.
    assert "slow 80 %, <mark" in right
    assert "+##x</mark> 20 %" in right


@pytest.mark.parametrize(("place_of_it", "index"), [("candidate", CANDIDATE), (FORMER, FORMER), (LIVE, LIVE)])
def test_the_candidate_and_former_generations_are_searched(
    cluster: Searched, visit: Visit, place_of_it: str, index: str
) -> None:
    answer = visit(f"{PAGE}?q=slow&left=sparse@{place_of_it}&right=bm25@live", "user")
    assert sorted(cluster.searches) == sorted([index, LIVE])
    assert f"{index}; the query encoded in" in answer.text or f"{index}; searched in" in answer.text


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ("sparse@other--b20261103t000000-000000", "has no index"),
        ("sparse@news--b*", "has no index"),
        ("sparse@_all", "has no index"),
        ("sparse@..%2Fsecret", "has no index"),
        ("dense@live", "needs a vector field of that kind"),
        ("rerank@live", "has no search.rerank"),
        ("best@live", "is no way to search"),
        ("%22%3E%3Csvg onload%3E@live", "is no way to search"),
        ("%00", "is no way to search"),
    ],
)
def test_a_way_that_is_not_there_fails_in_its_own_column(cluster: Searched, visit: Visit, left: str, said: str) -> None:
    answer = visit(f"{PAGE}?q=slow&left={left}", "user")
    assert answer.status_code == 200
    look(answer.text)
    assert "<svg onload" not in answer.text
    wrong, right = sides(answer.text)
    assert said in wrong
    assert "<table>" not in wrong
    assert "sluggish app" in right
    assert cluster.searches == [LIVE]


def test_an_index_that_refuses_is_asked_once_and_fails_alone(cluster: Searched, visit: Visit) -> None:
    cluster.refuses = {FORMER: http_error(503, "search_phase_execution_exception", "all shards failed")}
    answer = visit(f"{PAGE}?q=slow&left=bm25@live&right=bm25@{FORMER}", "user")
    assert answer.status_code == 200
    left, right = sides(answer.text)
    assert "slow engine" in left
    assert 'role="alert"' in right
    assert cluster.searches.count(FORMER) == 1


def test_a_cluster_that_is_down_is_said_in_both_columns(cluster: Searched, place: Place, visit: Visit) -> None:
    place.cluster = None
    answer = visit(f"{PAGE}?q=slow", "user")
    assert answer.status_code == 200
    assert ["does not answer" in side for side in sides(answer.text)] == [True, True]
    assert answer.text.count("does not answer") == 2


@pytest.mark.parametrize("q", ["", "   "])
def test_without_a_query_nothing_is_searched(cluster: Searched, visit: Visit, q: str) -> None:
    html = visit(f"{PAGE}?q={q}", "user").text
    look(html)
    assert cluster.searches == []
    assert f"sparse on {FORMER}" in html
    assert "No gate of the last 10 builds has asked golden queries of two indices." in html


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("q=" + "x" * 500, 200),
        ("q=" + "x" * 501, 422),
        ("q=" + "x" * 10_000, 422),
        ("q=slow&size=20", 200),
        ("q=slow&size=21", 422),
        ("q=slow&size=0", 422),
        ("q=slow&filter=" + "x" * 201, 422),
        ("q=slow" + "&filter=a%3Db" * 11, 422),
        ("q=slow&left=" + "x" * 201, 422),
        ("q=%22%3E%3Csvg onload%3D1%3E", 200),
        ("q=a%00b", 200),
        ("q=%E2%80%AEx", 200),
    ],
)
def test_queries_of_any_content_are_safe_and_short(cluster: Searched, visit: Visit, query: str, status: int) -> None:
    answer = visit(f"{PAGE}?{query}", "user")
    assert answer.status_code == status
    look(answer.text)
    assert "<svg onload" not in answer.text
    assert len(answer.content) < 250_000


def test_a_corpus_that_does_not_say_how_it_is_searched_says_what_to_do(place: Place, visit: Visit) -> None:
    answer = visit(f"{PAGE}?q=slow", "user")
    assert answer.status_code == 200
    assert "Install the same version" in answer.text
    look(answer.text)


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("viewer", 403), ("user", 200), ("op", 200), ("admin", 200)])
def test_content_is_for_who_may_edit_the_dag(cluster: Searched, visit: Visit, role: str | None, status: int) -> None:
    answer = visit(f"{PAGE}?q=slow", role)
    assert answer.status_code == status
    assert ("slow train" in answer.text) is (status == 200)
    assert bool(cluster.asked) is (status == 200)


def test_no_content_where_it_is_switched_off(cluster: Searched, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARSE_INDEX_CONSOLE_CONTENT", "off")
    assert visit(f"{PAGE}?q=slow", "admin").status_code == 403
    assert f'{PAGE}"' not in visit("/", "admin").text


@pytest.mark.parametrize(("role", "shown"), [("viewer", False), ("user", True)])
@pytest.mark.parametrize("path", ["/", "/corpora/news/generations"])
def test_links_lead_there_for_who_may_see_it(
    cluster: Searched, visit: Visit, path: str, role: str, shown: bool
) -> None:
    assert (f'{PAGE}"' in visit(path, role).text) is shown


def test_a_corpus_that_is_not_theirs_is_not_there(cluster: Searched, place: Place, visit: Visit) -> None:
    place.corpora.append(place.listed("secret"))
    hidden, missing = visit("/corpora/secret/search?q=x", "user"), visit("/corpora/nowhere/search?q=x", "user")
    assert hidden.status_code == missing.status_code == 404
    assert hidden.text.replace("secret", "nowhere") == missing.text


def test_the_store_is_not_read(cluster: Searched, app: FastAPI, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(Store, "__init__", lambda self, address, *_: opened.append(address))
    assert "sluggish app" in visit(f"{PAGE}?q=slow", "user").text
    assert opened == []


def _gated(place: Place, moved: list[dict[str, Any]]) -> None:
    checks = [{"name": "golden", "verdict": "pass", "value": 0.0, "limit": 0.02, "words": "w"}]
    gate = {"checks": checks, "moved": moved}
    place.write("20261104T000000-000000", {"former": LIVE, "candidate": CANDIDATE, "gate": gate})


def test_golden_queries_that_moved_lead_to_both_answers(cluster: Searched, place: Place, visit: Visit) -> None:
    _gated(place, [{"id": "q1", "text": EVIL, "alike": 0.25, "ndcg": -0.5}, {"id": "q2", "text": "x", "alike": 0.5}])
    html = visit(PAGE, "user").text
    links = [link for link in look(html).links if link.startswith("?q=")]
    assert "<svg onload" not in html
    assert "25 %" in html
    assert "-0.500" in html
    assert "not judged" in html
    assert cluster.searches == []
    visit(f"{PAGE}{links[0]}", "user")
    assert sorted(cluster.searches) == sorted([LIVE, CANDIDATE])


def test_a_golden_query_is_asked_with_its_own_filters(cluster: Searched, place: Place, visit: Visit) -> None:
    moved = {"id": "q1", "text": "slow", "alike": 0.25, "ndcg": None}
    _gated(
        place,
        [moved | {"filters": ["title=<b>&x"]}, moved | {"text": "x" * 501, "filters": ["title=" + "y" * 200]}, moved],
    )
    html = unescape(visit(PAGE, "user").text)
    links = [unescape(link) for link in look(visit(PAGE, "user").text).links if link.startswith("?q=")]
    assert "leaves out: the text beyond its first 500 characters; title=yyy" in html
    assert "leaves out: filters, which its build did not record" in html
    answer = visit(f"{PAGE}{links[0]}", "user").text
    look(answer)
    assert 'value="title=&lt;b&gt;&amp;x"' in answer
    assert ["{'term': {'title.raw': '<b>&x'}}" in each for each in cluster.queries] == [True, True]


def test_a_filter_that_the_index_cannot_answer_says_so(cluster: Searched, visit: Visit) -> None:
    answer = visit(f"{PAGE}?q=slow&filter=nothing%3D1&filter=", "user").text
    assert ["has no field 'nothing'" in side for side in sides(answer)] == [True, True]
    assert cluster.searches == []


OTHER = "It was built with other columns, another text template or mapping than the corpus file has now."
ENCODER = (
    "Its vectors of 'text_sparse' are of encoder 0000, those of the live index of ffffffffffffffff: the query is split"
)


@pytest.mark.parametrize(
    ("former", "way", "said"),
    [
        (_index(FORMER, 2), "sparse", []),
        (_index(FORMER, 2, document_hash="another"), "sparse", [OTHER]),
        (_index(FORMER, 2, fingerprint="0000"), "sparse", [ENCODER]),
        (_index(FORMER, 2, fingerprint="0000"), "bm25", []),
        (_index(FORMER, 2, document_hash="another", fingerprint="0000"), "sparse", [OTHER, ENCODER]),
    ],
)
def test_an_index_that_was_built_otherwise_than_the_corpus_file_says_now_is_told(
    cluster: Searched, visit: Visit, former: dict[str, Any], way: str, said: list[str]
) -> None:
    cluster.indices[FORMER] = former
    left, right = sides(visit(f"{PAGE}?q=slow&left={way}@{FORMER}&right=sparse@live", "user").text)
    assert [each in left for each in (OTHER, ENCODER)] == [each in said for each in (OTHER, ENCODER)]
    assert (OTHER in right, ENCODER in right) == (False, False)


def test_a_live_index_of_a_former_corpus_file_is_told_by_its_fields(cluster: Searched, visit: Visit) -> None:
    """The file names another text field; the next build has not come yet, and the search finds nothing there."""
    renamed = _index(LIVE, 3) | {"aliases": {"news": {}}}
    renamed["mappings"] = renamed["mappings"] | {"properties": {"heading": {"type": "text"}}}
    cluster.indices[LIVE] = renamed
    left, right = sides(visit(f"{PAGE}?q=slow", "user").text)
    assert "It has no field title, by which the corpus is searched now: it was built with others." in left
    assert "It has no field text_sparse, by which" in right


def test_golden_queries_of_an_index_that_is_gone_say_so(cluster: Searched, place: Place, visit: Visit) -> None:
    _gated(place, [{"id": "q1", "text": "slow", "alike": 0.25, "ndcg": None}])
    assert "is gone: its answers" not in visit(PAGE, "user").text
    del cluster.indices[CANDIDATE]
    assert f"{CANDIDATE} is gone: its answers cannot be asked any more." in visit(PAGE, "user").text
    place.cluster = None
    assert "is gone: its answers" not in visit(PAGE, "user").text


def test_golden_queries_that_all_stayed_are_said_to(cluster: Searched, place: Place, visit: Visit) -> None:
    _gated(place, [])
    assert "The gate found none to differ between" in visit(PAGE, "user").text


def test_a_person_has_one_search_at_a_time(cluster: Searched, place: Place, visit: Visit) -> None:
    """Another person is not kept waiting; and the next one goes once the former has ended."""
    began, go_on = threading.Event(), threading.Event()
    inner = Searched()

    def slow(method: str, path: str, body: Any) -> Any:
        if path.endswith("/_search"):
            began.set()
            go_on.wait(60)
        return inner(method, path, body)

    place.cluster = fake_cluster(slow)
    first: list[Any] = []
    visitor = threading.Thread(target=lambda: first.append(visit(f"{PAGE}?q=slow", "user")))
    visitor.start()
    assert began.wait(60)
    place.cluster = fake_cluster(inner)  # one answers one question after the other
    busy = visit(f"{PAGE}?q=slow", "user")
    assert [("still waits" in side) for side in sides(busy.text)] == [True, True]
    go_on.set()
    visitor.join(60)
    assert "sluggish app" in visit(f"{PAGE}?q=slow", "admin").text


@pytest.mark.parametrize("deadline_s", [1.0])
def test_a_store_that_never_answers_keeps_nobody_from_searching(
    cluster: Searched, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page without a query asks the store for golden queries, and has been given up when the query comes."""
    ended = threading.Event()
    monkeypatch.setattr(Store, "folders", lambda *_: ended.wait(120))
    try:
        assert "No answer within 1 seconds" in visit(PAGE, "user").text
        assert cluster.searches == []
        answer = visit(f"{PAGE}?q=slow", "user").text
    finally:
        ended.set()
    assert "still waits" not in answer
    assert cluster.searches == [LIVE, LIVE]


def test_a_search_that_no_thread_could_ask_holds_up_no_later_one(
    cluster: Searched, app: FastAPI, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "console":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert "Too many questions wait" in visit(f"{PAGE}?q=slow", "user").text
        for _ in range(MOST_AT_ONCE):
            app.state.console.side_by_side.ask({"anything": str})
    assert "sluggish app" in visit(f"{PAGE}?q=slow", "user").text
