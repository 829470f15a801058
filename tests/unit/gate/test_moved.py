"""Which golden queries a candidate answers otherwise than the live index."""

from __future__ import annotations

import pytest

from sparse_index.gate.golden import GoldenAnswers
from sparse_index.gate.moved import MOST, most_moved
from sparse_index.relevance.golden import GoldenQuery, GoldenSet

GOLDEN = GoldenSet([GoldenQuery(id=f"q{n}", text=f"text {n}") for n in range(4)], {"q1": {"a": 1}, "q2": {"a": 1}})
LIVE = {"q0": ["a", "b"], "q1": ["a", "b"], "q2": ["a", "b"], "q3": ["a", "b"]}
CANDIDATE = {"q0": ["a", "b"], "q1": ["b", "a"], "q2": ["x", "y"], "q3": ["a", "z"]}


def test_the_least_alike_come_first_judged_or_not() -> None:
    moved = most_moved(GoldenAnswers(GOLDEN, CANDIDATE, LIVE))
    assert [(each.id, each.text) for each in moved] == [("q2", "text 2"), ("q1", "text 1"), ("q3", "text 3")]
    assert [round(each.alike, 2) for each in moved] == [0, 0.47, 0.76]
    assert [each.ndcg for each in moved] == [pytest.approx(-1), pytest.approx(-0.369, abs=0.001), None]


def test_each_brings_the_filters_that_it_was_asked_with() -> None:
    golden = GoldenSet([GoldenQuery(id="q2", text="text 2", filters=("lang=en", "votes>=3"))], {})
    assert [each.filters for each in most_moved(GoldenAnswers(golden, {"q2": ["x"]}, {"q2": ["a"]}))] == [
        ("lang=en", "votes>=3")
    ]


def test_without_a_live_index_nothing_has_moved() -> None:
    assert most_moved(GoldenAnswers(GOLDEN, CANDIDATE, None)) == []


def test_a_large_set_is_cut() -> None:
    golden = GoldenSet([GoldenQuery(id=f"q{n}", text="x") for n in range(50)], {})
    live, candidate = ({query.id: [id_] for query in golden.queries} for id_ in ("a", "b"))
    assert len(most_moved(GoldenAnswers(golden, candidate, live))) == MOST
