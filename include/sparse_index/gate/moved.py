"""Which golden queries a candidate answers otherwise than the live index: what to look at by eye first. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from sparse_index.builds.reports import MovedQuery
from sparse_index.gate.answers import TOP, rank_biased_overlap
from sparse_index.gate.golden import GoldenAnswers
from sparse_index.relevance.golden import GoldenQuery
from sparse_index.relevance.measures import NDCG, Judgements, Rankings, measure

MOST = 20


def most_moved(asked: GoldenAnswers) -> list[MovedQuery]:
    """Those whose first ten are least alike, judged or not; none where nothing was compared."""
    if asked.live is None:
        return []
    live, candidate = ({query: ids[:TOP] for query, ids in each.items()} for each in (asked.live, asked.candidate))
    alike = {query: rank_biased_overlap(live[query], ids) for query, ids in candidate.items() if ids != live[query]}
    moved = sorted(alike, key=lambda query: (alike[query], query))[:MOST]
    judged = {query: asked.golden.judgements[query] for query in moved if query in asked.golden.judgements}
    was, now = _ndcg(asked.live, judged), _ndcg(asked.candidate, judged)
    drops = {query: value - was[query] for query, value in now.items()}
    asked_as = {query.id: query for query in asked.golden.queries}
    return [_moved(asked_as[query], alike[query], drops.get(query)) for query in moved]


def _moved(query: GoldenQuery, alike: float, ndcg: float | None) -> MovedQuery:
    return MovedQuery(query.id, query.text, alike, ndcg, query.filters)


def _ndcg(rankings: Rankings, judged: Judgements) -> Mapping[str, float]:
    return measure(rankings, judged).values[NDCG] if judged else {}
