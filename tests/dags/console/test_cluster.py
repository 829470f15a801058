"""The cluster page: for who may read a corpus with that connection, and each block alone."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI

from console_html import look
from console_place import Place, Visit
from fake_opensearch import fake_cluster, http_error
from sparse_index.console.listed import Listed
from sparse_index.store.files import Store

BUILD = "20261101T000000-000000"
EVIL = '"><svg onload=alert(1)>'
PAGE = "/clusters/opensearch_default"
NODE = {
    "name": EVIL,
    "roles": ["data", "ml"],
    "jvm": {"mem": {"heap_used_in_bytes": 250, "heap_max_in_bytes": 1000}},
    "fs": {"total": {"total_in_bytes": 1000, "available_in_bytes": 100}},
    "breakers": {"parent": {"tripped": 7}},
}
SETTINGS = {"defaults": {"cluster": {"routing": {"allocation": {"disk": {"watermark": {"low": "85%"}}}}}}}


def hits(*found: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {"hits": {"hits": [{"_id": name, "_source": source} for name, source in found]}}


ANSWERS: dict[str, Any] = {
    "/_cluster/health": {"status": "green", "number_of_nodes": 1},
    "/_nodes/stats/jvm,fs,breaker": {"nodes": {"n1": NODE}},
    "/_cluster/settings": SETTINGS,
    "/_plugins/_ml/profile/models": {"nodes": {"n1": {"models": {"m1": {"model_state": "DEPLOYED"}}}}},
    "/_plugins/_ml/models/_search": hits(("m1", {"name": "toy-sparse"})),
    "/_plugins/_ml/stats/ml_circuit_breaker_trigger_count": {"nodes": {"n1": {"ml_circuit_breaker_trigger_count": 11}}},
    "/_plugins/_ml/tasks/_search": hits(("t1", {"state": "RUNNING", "task_type": EVIL, "worker_node": ["n1"]})),
    "/_plugins/_ml/model_groups/_search": hits(("g1", {"name": f"sparse-index--news--b{BUILD}"})),
}


@pytest.fixture
def whole(place: Place) -> Place:
    place.corpora = [place.listed("news"), place.listed("secret")]
    place.store().write_json(f"news/builds/{BUILD}/plan.json", {"request": {"run_id": "r1"}})
    place.cluster = cluster_of(ANSWERS)
    return place


def cluster_of(answers: dict[str, Any]) -> Any:
    def answer(method: str, path: str, _: Any) -> Any:
        assert method == "GET" or path.endswith("/_search"), "the console changes nothing"
        found = answers.get(path, {})
        if isinstance(found, Exception):
            raise found
        return found

    return fake_cluster(answer)


def test_the_page_says_all_and_nothing_of_a_corpus_that_is_not_theirs(whole: Place, visit: Visit) -> None:
    html = visit(PAGE).text
    look(html)
    for said in ("green", "toy-sparse", "25 %", "90 %", "parent: 7 times", "models: 11 times", "low 85%", "t1"):
        assert said in html, said
    assert f"sparse-index--news--b{BUILD} is there: nobody knows the run" in html
    assert "secret" not in html
    assert "<svg onload" not in html


def test_a_run_that_goes_on_has_left_nothing(whole: Place, visit: Visit) -> None:
    whole.going_on["sparse_index__news", "r1"] = True
    assert "belongs to a run that goes on" in visit(PAGE).text
    whole.going_on["sparse_index__news", "r1"] = False
    assert f"build {BUILD} has ended; the next run removes it" in visit(PAGE).text


def test_what_many_corpora_left_is_looked_for_side_by_side(whole: Place, app: FastAPI, visit: Visit) -> None:
    """Each store answers when a second one is asked, too: one after the other they never would."""
    two = threading.Barrier(2)

    def open_store(listed: Listed) -> Store:
        two.wait(60)
        return whole.open_store(listed)

    console = app.state.console
    app.state.console = replace(console, sources=replace(console.sources, open_store=open_store))
    whole.corpora = [whole.listed(f"c{number}", dag_id="sparse_index__news") for number in range(20)]
    assert "belongs to a run that goes on" in visit(PAGE).text


def test_the_groups_of_all_corpora_are_one_question(whole: Place, visit: Visit) -> None:
    """Each corpus takes its own."""
    asked: list[str] = []
    answers = cluster_of(ANSWERS)

    def answer(method: str, path: str, body: Any) -> Any:
        asked.append(path)
        return answers.request(method, path, body)

    whole.cluster = fake_cluster(answer)
    whole.corpora = [whole.listed("news"), whole.listed("tickets")]
    html = visit(PAGE).text
    assert asked.count("/_plugins/_ml/model_groups/_search") == 1
    assert html.count("nobody knows the run") == 1


def test_an_odd_error_of_one_corpus_is_its_own(whole: Place, app: FastAPI, visit: Visit) -> None:
    def open_store(listed: Listed) -> Store:
        if listed.corpus == "tickets":
            raise ArithmeticError
        return whole.open_store(listed)

    whole.corpora = [whole.listed("news"), whole.listed("tickets")]
    console = app.state.console
    app.state.console = replace(console, sources=replace(console.sources, open_store=open_store))
    html = visit(PAGE).text
    assert f"sparse-index--news--b{BUILD} is there" in html
    assert "tickets: nobody knows. This could not be shown (ArithmeticError)" in html


@pytest.mark.parametrize("refused", sorted(ANSWERS))
def test_each_block_fails_alone(whole: Place, visit: Visit, refused: str) -> None:
    error = http_error(403, "security_exception", "no permissions for [cluster:monitor/x]")
    whole.cluster = cluster_of(ANSWERS | {refused: error})
    answer = visit(PAGE)
    assert answer.status_code == 200
    look(answer.text)
    assert "cluster:monitor/x" in answer.text
    assert sum(said in answer.text for said in (">green<", "parent: 7 times", "toy-sparse", "<code>t1</code>")) >= 3


@pytest.mark.parametrize("answers", [{}, {"/_cluster/health": [], "/_nodes/stats/jvm,fs,breaker": {"nodes": 7}}])
def test_odd_answers_are_shown_as_far_as_they_go(whole: Place, visit: Visit, answers: dict[str, Any]) -> None:
    whole.cluster = cluster_of(answers)
    answer = visit(PAGE)
    assert answer.status_code == 200
    look(answer.text)


def test_without_a_cluster_the_page_says_so(whole: Place, visit: Visit) -> None:
    whole.cluster = None
    answer = visit(PAGE)
    assert answer.status_code == 200
    assert "does not answer" in answer.text


def test_a_connection_of_others_is_like_one_that_is_not_there(whole: Place, visit: Visit) -> None:
    whole.corpora[1] = whole.listed("secret", connection="theirs")
    hidden, missing = visit("/clusters/theirs"), visit("/clusters/nowhere")
    assert hidden.status_code == missing.status_code == 404
    assert hidden.text.replace("theirs", "") == missing.text.replace("nowhere", "")
    assert visit(PAGE, None).status_code == 401
    assert "theirs" not in visit("/").text
    assert PAGE in visit("/").text
    assert PAGE in visit("/corpora/news").text


@pytest.mark.parametrize("name", ["%2e%2e", "%2e%2e%2f%2e%2e%2fetc", "%00", "a" * 10_000, "%E2%80%AEx", "%3Csvg%3E"])
def test_an_odd_name_is_a_connection_that_is_not_there(whole: Place, visit: Visit, name: str) -> None:
    answer = visit(f"/clusters/{name}")
    assert answer.status_code == 404
    assert "<svg>" not in answer.text
