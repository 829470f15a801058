"""The measures against values worked out by hand."""

import pytest

from sparse_index.relevance.measures import JUDGED, MEASURES, NDCG, RECALL, RECIPROCAL_RANK, measure

LOG2_3, LOG2_5 = 1.5849625007211562, 2.321928094887362


def value(name: str, ranked: list[str], grades: dict[str, int]) -> float:
    return measure({"q": ranked}, {"q": grades}).values[name]["q"]


def test_ndcg_by_hand_the_gain_is_the_grade() -> None:
    # gains 2, 0, 3 at ranks 1..3; discounts 1, log2 3, 2
    ideal = 3 + 2 / LOG2_3 + 1 / 2
    assert value(NDCG, ["b", "x", "a"], {"a": 3, "b": 2, "c": 1}) == pytest.approx((2 + 3 / 2) / ideal)


def test_the_ideal_order_scores_one_and_equal_grades_may_change_places() -> None:
    assert value(NDCG, ["a", "b", "c"], {"c": 1, "a": 3, "b": 2}) == pytest.approx(1)
    assert value(NDCG, ["b", "a"], {"a": 2, "b": 2}) == pytest.approx(1)


def test_rank_ten_counts_for_ndcg_and_rank_eleven_does_not() -> None:
    others = [f"x{number}" for number in range(9)]
    assert value(NDCG, [*others, "a"], {"a": 1}) > 0
    assert value(NDCG, ["y", *others, "a"], {"a": 1}) == 0


def test_the_order_given_is_the_order_measured() -> None:
    """Ids in both alphabetical orders: a tie of scores would be broken by the id, one of the two ways."""
    assert value(RECIPROCAL_RANK, ["a", "b", "c", "d"], {"b": 1}) == 0.5
    assert value(RECIPROCAL_RANK, ["d", "c", "b", "a"], {"c": 1}) == 0.5


def test_recall_is_the_share_found_within_fifty() -> None:
    others = [f"x{number}" for number in range(48)]
    assert value(RECALL, ["a", *others, "b", "c"], {"a": 1, "b": 3, "c": 1, "d": 1}) == 0.5


def test_judged_is_the_share_of_the_first_ten_that_somebody_judged() -> None:
    others = [f"x{number}" for number in range(8)]
    assert value(JUDGED, ["a", "b", *others, "c"], {"a": 1, "b": 0, "c": 1}) == pytest.approx(0.2)


def test_an_empty_ranking_scores_zero_by_every_measure() -> None:
    measured = measure({"q": [], "r": ["a"]}, {"q": {"a": 1}, "r": {"a": 1}})
    assert [measured.values[name]["q"] for name in MEASURES] == [0, 0, 0, 0]


def test_the_mean_counts_every_judged_query_and_no_other() -> None:
    measured = measure({"q": [], "r": ["a"], "unjudged": ["z"]}, {"q": {"a": 1}, "r": {"a": 1}})
    assert measured.mean(NDCG) == 0.5
    assert measured.values[NDCG].keys() == {"q", "r"}


@pytest.mark.parametrize(
    ("rankings", "judgements", "words"),
    [
        ({"q": ["a"]}, {}, "no query is judged"),
        ({"q": ["a"]}, {"q": {"a": 0}}, "undefined"),
        ({}, {"q": {"a": 1}}, "has no ranking"),
        ({"q": ["a", "a"]}, {"q": {"a": 1}}, "ranked twice"),
    ],
)
def test_what_cannot_be_measured_is_an_error(
    rankings: dict[str, list[str]], judgements: dict[str, dict[str, int]], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        measure(rankings, judgements)
