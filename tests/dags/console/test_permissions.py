"""Who may see what: the whole table, asked of Airflow's own auth manager."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from console_place import Place, Visit
from sparse_index.console.listed import Listed

ANY_PAGE = (
    "/",
    "/corpora/news",
    "/corpora/news/builds/20261101T000000-000000",
    "/costs",
    "/janitor",
    "/dags/sparse_index__news",
)


def called(dependant: Dependant) -> set[str]:
    names = {getattr(dependant.call, "__name__", "")}
    return names.union(*(called(each) for each in dependant.dependencies))


def test_every_route_asks_who_it_is_but_the_assets(app: FastAPI) -> None:
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    open_to_all = [route.path for route in routes if "get_user" not in called(route.dependant)]
    assert open_to_all == ["/assets/{name}"]
    assert len(routes) > 4


def test_every_route_only_reads(app: FastAPI) -> None:
    assert {method for route in app.routes if isinstance(route, APIRoute) for method in route.methods} == {"GET"}


@pytest.mark.parametrize("path", ANY_PAGE)
def test_nobody_sees_nothing(place: Place, visit: Visit, path: str) -> None:
    place.write("20261101T000000-000000", {"outcome": "promoted"})
    answer = visit(path, None)
    assert answer.status_code == 401
    assert "search-team" not in answer.text


@pytest.mark.parametrize(
    "path", ["/corpora/{}", "/corpora/{}/builds/20261101T000000-000000", "/runs/sparse_index__{}/r1"]
)
def test_a_corpus_that_is_not_theirs_is_like_one_that_is_not_there(place: Place, visit: Visit, path: str) -> None:
    """A viewer may read each DAG that Airflow knows; `secret` has none there."""
    place.corpora.append(place.listed("secret"))
    place.write("20261101T000000-000000", {"outcome": "promoted"}, "secret")
    hidden, missing = visit(path.format("secret")), visit(path.format("nowhere"))
    assert hidden.status_code == missing.status_code
    assert hidden.text == missing.text
    assert "secret" not in visit("/").text


@pytest.mark.parametrize("cookie", [False, True])
@pytest.mark.parametrize("role", ["viewer", "user", "op", "admin"])
def test_who_may_read_the_dag_sees_its_corpus(place: Place, visit: Visit, role: str, cookie: bool) -> None:
    place.write("20261101T000000-000000", {"outcome": "promoted"})
    for path in ANY_PAGE[:-1]:
        answer = visit(path, role, cookie=cookie)
        assert answer.status_code == 200, path
        assert "news" in answer.text


def test_what_is_broken_is_seen_by_who_may_read_the_dag_that_it_had(place: Place, visit: Visit) -> None:
    """Airflow knows the DAG of `news` alone of these, and no broken one."""
    place.corpora = [
        Listed(name, f"sparse_index_broken__{name}__0", problems=(f"why {name}",)) for name in ("news", "secret")
    ]
    html = visit("/").text
    assert "why news" in html
    assert "secret" not in html
    assert visit("/corpora/secret").status_code == 404


def test_who_may_read_the_broken_dag_alone_reads_its_problems_alone(place: Place, visit: Visit) -> None:
    place.corpora = [place.listed("secret", problems=("why",), broken_dag="sparse_index__news")]
    place.write("20261101T000000-000000", {"outcome": "promoted", "summary": "what it read"}, "secret")
    for path in ("", "/builds/20261101T000000-000000", "/builds/20261101T000000-000000/receipt.json"):
        answer = visit(f"/corpora/secret{path}")
        assert "why" in answer.text
        assert "what it read" not in answer.text
    assert "why" in visit("/").text
    assert "20261101T000000" not in visit("/").text
