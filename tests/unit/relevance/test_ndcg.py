"""nDCG against values worked out by hand."""

import pytest

from sparse_index.relevance.ndcg import dcg, mean, ndcg_at_k

LOG2_3, LOG2_5 = 1.5849625007211562, 2.321928094887362


def test_dcg_by_hand() -> None:
    # gains 7, 3, 0, 1 at ranks 1..4; discounts 1, log2 3, 2, log2 5
    assert dcg([3, 2, 0, 1]) == pytest.approx(7 + 3 / LOG2_3 + 1 / LOG2_5)


def test_ndcg_by_hand() -> None:
    grades = {"a": 3, "b": 2, "c": 1}
    ideal = 7 + 3 / LOG2_3 + 1 / 2
    assert ndcg_at_k(["b", "x", "a"], grades) == pytest.approx((3 + 7 / 2) / ideal)


def test_the_ideal_order_scores_one() -> None:
    assert ndcg_at_k(["a", "b", "c"], {"c": 1, "a": 3, "b": 2}) == 1.0


def test_equal_grades_may_change_places() -> None:
    assert ndcg_at_k(["b", "a"], {"a": 2, "b": 2}) == 1.0


def test_nothing_relevant_found_scores_zero() -> None:
    assert ndcg_at_k(["x", "y"], {"a": 1}) == 0.0


def test_an_empty_ranking_scores_zero() -> None:
    assert ndcg_at_k([], {"a": 1}) == 0.0


def test_ranks_beyond_k_count_for_nothing() -> None:
    assert ndcg_at_k(["x", "y", "a"], {"a": 3}, k=2) == 0.0


def test_the_ideal_is_cut_at_k_too() -> None:
    assert ndcg_at_k(["a"], {"a": 1, "b": 1, "c": 1}, k=1) == 1.0


def test_missing_documents_lower_the_score() -> None:
    assert ndcg_at_k(["a"], {"a": 1, "b": 1}) == pytest.approx(1 / (1 + 1 / LOG2_3))


def test_a_query_without_relevant_documents_is_an_error() -> None:
    with pytest.raises(ValueError, match="undefined"):
        ndcg_at_k(["a"], {"a": 0})


def test_a_document_ranked_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="ranked twice"):
        ndcg_at_k(["a", "a"], {"a": 1})


def test_k_starts_at_one() -> None:
    with pytest.raises(ValueError, match="k >= 1"):
        ndcg_at_k(["a"], {"a": 1}, k=0)


def test_mean_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to average"):
        mean([])
