"""What share of the best documents is found, and what is said of it."""

from __future__ import annotations

import pytest

from sparse_index.builds.check import Verdict
from sparse_index.gate.recall import Best, recall_check

TEN = [float(score) for score in range(10, 0, -1)]


@pytest.mark.parametrize(
    ("best", "found", "recall"),
    [
        (TEN, TEN, 1.0),
        (TEN, [*TEN[:8], 0.5, 0.25], 0.8),
        (TEN, [], 0.0),
        # As good as the tenth is as good as it, whichever of them the cluster gives.
        ([2.0] * 10, [2.0, 2.0 - 1e-6] * 5, 1.0),
        ([3.0, 2.0], [3.0, 2.0], 1.0),
        ([3.0, 2.0], [3.0], 0.5),
        # One more than there are (the same document from two places) does not make up for one that is missing elsewhere.
        ([3.0], [3.0, 3.0], 1.0),
    ],
)
def test_a_found_document_is_one_that_scores_as_the_best_do(
    best: list[float], found: list[float], recall: float
) -> None:
    assert Best(best, found).recall == recall


def test_a_field_that_finds_too_little_is_refused_with_the_way_out() -> None:
    check = recall_check("v", [Best(TEN, TEN), Best(TEN, TEN[:7])], 0.9, "golden queries")
    assert (check.verdict, check.value, check.limit) == (Verdict.FAIL, 0.85, 0.9)
    assert check.words.startswith(
        "'v' finds 85.0% of the 10 best documents by the scores of all vectors (2 golden queries)"
    )
    assert "Let its index look at more" in check.words


def test_one_that_finds_enough_passes() -> None:
    check = recall_check("v", [Best(TEN, TEN), Best(TEN, TEN[:8]), Best([], [])], 0.9, "golden queries")
    assert (check.verdict, check.value) == (Verdict.PASS, 0.9)


def test_without_vectors_nothing_is_judged() -> None:
    assert recall_check("v", [Best([], [])], 0.9, "golden queries").verdict is Verdict.SKIPPED
