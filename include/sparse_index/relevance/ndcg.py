"""Ranking quality: nDCG as TREC and BEIR compute it (gain 2^grade - 1, discount log2(rank + 1))."""

from collections.abc import Mapping, Sequence
from math import log2


def dcg(grades: Sequence[int]) -> float:
    """Discounted cumulative gain of grades in ranked order."""
    return sum(((1 << grade) - 1) / log2(rank + 1) for rank, grade in enumerate(grades, start=1))


def ndcg_at_k(ranked_ids: Sequence[str], grades: Mapping[str, int], k: int = 10) -> float:
    """nDCG@k in 0..1 of a ranking, judged by `grades` (document id -> grade, 0 or more; absent means 0).

    The ideal ranking is made of all judged documents, also those the ranking lacks. Raises ValueError when no
    judged document is relevant (the measure is undefined), when an id is ranked twice, or when k < 1.
    """
    if k < 1:
        raise ValueError(f"nDCG@k needs k >= 1, got {k}.")
    if len(set(ranked_ids)) != len(ranked_ids):
        raise ValueError("A document id is ranked twice: nDCG would count it twice.")
    ideal = dcg(sorted(grades.values(), reverse=True)[:k])
    if ideal == 0:
        raise ValueError("No judged document is relevant: nDCG is undefined for this query.")
    return dcg([grades.get(id_, 0) for id_ in ranked_ids[:k]]) / ideal


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean. Raises ValueError for an empty sequence."""
    if not values:
        raise ValueError("There is nothing to average: no query was evaluated.")
    return sum(values) / len(values)
