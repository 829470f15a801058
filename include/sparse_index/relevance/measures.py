"""How good rankings are, as TREC and BEIR compute it (ir-measures): nDCG@10 with the grade itself as gain, recall@50,
reciprocal rank@10, and the share of the first ten that is judged at all.

A run's score is minus its rank, never the engine's: equal scores would be put in an order of the measure's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ir_measures
from ir_measures import RR, Judged, Qrel, R, ScoredDoc, nDCG

DEPTH = 50  # ranks that the measures look at
NDCG, RECALL, RECIPROCAL_RANK, JUDGED = "nDCG@10", "R@50", "RR@10", "Judged@10"
MEASURES = (NDCG, RECALL, RECIPROCAL_RANK, JUDGED)
_COMPUTED = (nDCG @ 10, R @ DEPTH, RR @ 10, Judged @ 10)

Rankings = Mapping[str, Sequence[str]]
Judgements = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Measured:
    """`values`: measure (one of MEASURES) -> query id -> value in 0..1; every measure has the same queries."""

    values: Mapping[str, Mapping[str, float]]

    def mean(self, measure: str) -> float:
        """Over the queries, each counting the same."""
        values = self.values[measure]
        return sum(values.values()) / len(values)


def measure(rankings: Rankings, judgements: Judgements) -> Measured:
    """`rankings`: query id -> document ids, best first; `judgements`: query id -> document id -> grade (absent: 0).

    Every judged query is measured; a ranking without judgements is passed over. ValueError when nothing is judged, a judged
    query has no relevant document (the measures are undefined) or no ranking, or a document is ranked twice.
    """
    _require_measurable(rankings, judgements)
    qrels = [Qrel(query, id_, grade) for query, grades in judgements.items() for id_, grade in grades.items()]
    run = [ScoredDoc(query, id_, -float(rank)) for query in judgements for rank, id_ in enumerate(rankings[query], 1)]
    values: dict[str, dict[str, float]] = {name: {} for name in MEASURES}
    for metric in ir_measures.iter_calc(list(_COMPUTED), qrels, run):
        values[str(metric.measure)][metric.query_id] = metric.value
    return Measured(values)


def _require_measurable(rankings: Rankings, judgements: Judgements) -> None:
    if not judgements:
        raise ValueError("There is nothing to measure: no query is judged.")
    for query, grades in judgements.items():
        if not any(grade > 0 for grade in grades.values()):
            raise ValueError(f"No judged document of query '{query}' is relevant: its measures are undefined.")
        if query not in rankings:
            raise ValueError(f"Query '{query}' is judged, but has no ranking.")
        if len(set(rankings[query])) != len(rankings[query]):
            raise ValueError(f"A document is ranked twice for query '{query}': it would count twice.")
