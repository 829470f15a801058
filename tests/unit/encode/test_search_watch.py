"""Encoding gives way when the searches of the live index slow down, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from fake_opensearch import fake_cluster, http_error
from sparse_index.encode.search_watch import EVERY_S, SearchWatch


class Searched:
    """An index that answers searches; `searches` counts them and their time as OpenSearch does."""

    def __init__(self, searches: int = 0, mean_ms: int = 0) -> None:
        self.queries, self.spent_ms, self.asked, self.now = searches, searches * mean_ms, 0, 0.0
        self.is_there = True

    def __call__(self, method: str, path: str, body: Any) -> Any:
        self.asked += 1
        if not self.is_there:
            raise http_error(404, "index_not_found_exception", path)
        search = {"query_total": self.queries, "query_time_in_millis": self.spent_ms}
        return {"_all": {"total": {"search": search}}}

    def after(self, seconds: float, searches: int, mean_ms: int) -> None:
        self.now += seconds
        self.queries += searches
        self.spent_ms += searches * mean_ms

    def watch(self, index: str | None = "live") -> SearchWatch:
        return SearchWatch(fake_cluster(self), index, lambda: self.now)


def test_slower_than_usual_is_suffering_and_it_ends() -> None:
    server = Searched(searches=1000, mean_ms=10)
    watch = server.watch()
    answers = [watch.suffer()]
    for mean_ms in (12, 60, 60, 11):
        server.after(EVERY_S, 100, mean_ms)
        answers.append(watch.suffer())
    assert answers == [False, False, True, True, False]


def test_a_cluster_that_is_slow_from_the_start_is_measured_against_its_past() -> None:
    server = Searched(searches=1000, mean_ms=10)
    watch = server.watch()
    watch.suffer()
    server.after(EVERY_S, 100, 100)
    assert watch.suffer()


@pytest.mark.parametrize(("searches", "mean_ms"), [(5, 5000), (0, 0)])
def test_a_few_searches_prove_nothing(searches: int, mean_ms: int) -> None:
    server = Searched(searches=1000, mean_ms=10)
    watch = server.watch()
    watch.suffer()
    server.after(EVERY_S, searches, mean_ms)
    assert not watch.suffer()


def test_milliseconds_are_noise() -> None:
    server = Searched(searches=1000, mean_ms=1)
    watch = server.watch()
    watch.suffer()
    server.after(EVERY_S, 100, 6)
    assert not watch.suffer()


def test_it_looks_seldom_and_not_at_all_where_nothing_is_live() -> None:
    server = Searched(searches=1000, mean_ms=10)
    watch, nothing_live = server.watch(), server.watch(None)
    for _ in range(50):
        watch.suffer()
        nothing_live.suffer()
    assert server.asked == 1


def test_an_index_that_went_away_or_moved_is_nobodys_suffering() -> None:
    server = Searched(searches=1000, mean_ms=10)
    watch = server.watch()
    watch.suffer()
    server.is_there = False
    server.after(EVERY_S, 100, 100)
    assert not watch.suffer()
    server.is_there, server.queries, server.spent_ms = True, 30, 90_000
    server.after(EVERY_S, 0, 0)
    assert not watch.suffer()
