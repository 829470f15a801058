"""Several ranked answers become one, as the cluster's own processors compute it. Pure functions.

Equal scores: the cluster gives them in an order that nobody outside can know; here the ids decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sparse_index.config.search import Fusion
from sparse_index.query.pipelines import RANK_CONSTANT

# Document id and score, best first.
Ranked = Sequence[tuple[str, float]]
# What the worst of a side's candidates gets, which is not nothing.
_LEAST = 0.001
# Significant digits that a sum of float32 keeps, whatever the order of its terms.
_DIGITS = 6


def merged(shards: Sequence[Ranked]) -> Ranked:
    """One side's answers of several shards; equal scores in the shards' order."""
    return sorted((pair for shard in shards for pair in shard), key=lambda pair: -pair[1])


def fused(fusion: Fusion, sides: Mapping[str, Ranked], *, only_common: bool) -> Ranked:
    """Every document of any side, or those that all sides have (`only_common`). A side that does not have it adds nothing."""
    weights = _weights(fusion, list(sides))
    totals: dict[str, float] = {}
    for side, ranked in sides.items():
        for id_, share in _shares(fusion, ranked).items():
            totals[id_] = totals.get(id_, 0.0) + weights[side] * share
    if only_common:
        common = set.intersection(*({id_ for id_, _ in ranked} for ranked in sides.values()))
        totals = {id_: score for id_, score in totals.items() if id_ in common}
    return in_order(totals)


def in_order(scores: Mapping[str, float]) -> Ranked:
    """Best first; what differs by less than float32 keeps is equal."""
    return sorted(scores.items(), key=lambda pair: order(*pair))


def order(id_: str, score: float) -> tuple[float, str]:
    """The key by which hits are sorted."""
    return -float(f"{score:.{_DIGITS}g}"), id_


def _weights(fusion: Fusion, sides: Sequence[str]) -> dict[str, float]:
    """Of the sides that answered; together 1 with min_max. Ranks are added as they are."""
    if fusion.type == "rrf":
        return dict.fromkeys(sides, 1.0)
    return fusion.shares(sides)


def _shares(fusion: Fusion, ranked: Ranked) -> dict[str, float]:
    if fusion.type == "rrf":
        return {id_: 1 / (RANK_CONSTANT + rank) for rank, (id_, _) in enumerate(ranked, start=1)}
    scores = [score for _, score in ranked]
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    return {id_: 1.0 if high == low else (score - low) / (high - low) or _LEAST for id_, score in ranked}
