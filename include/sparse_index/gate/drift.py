"""Whether vectors became others in kind: none where there was a text, or many or few tokens where the same documents had as
many as ever. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparse_index.builds.check import Check, Verdict, passes, skipped
from sparse_index.vectors.likeness import Likeness

DRIFT = "drift"
# Fewer say nothing.
CHANGED_DOCUMENTS = 200
_MOST = 0.25
_QUANTILES = {"median": 0.5, "95th percentile": 0.95}
_NAMED = 10


@dataclass(frozen=True)
class Vectors:
    """Of one vector field, as JSON. `texts`: sampled documents with a text, `empty`: those of them without a vector; `before` and
    `after`: of the same documents, whose text changed."""

    texts: int
    empty: int
    before: Sequence[Any] = ()
    after: Sequence[Any] = ()


@dataclass(frozen=True)
class _Move:
    """`share` of the former value by which a quantile of a trait moved."""

    what: str
    was: float
    now: float

    @property
    def share(self) -> float:
        return abs(self.now - self.was) / abs(self.was) if self.was else float(self.now != self.was)

    def __str__(self) -> str:
        return f"{self.what} {self.was:.4g} -> {self.now:.4g}"


def drift(field: str, likeness: Likeness, vectors: Vectors, max_empty_share: float, *, accepted: bool = False) -> Check:
    """Refuses too many empty vectors, else what moved by more than a quarter, unless a mass change was `accepted`."""
    if not vectors.texts:
        return skipped(DRIFT, f"{field}: no sampled document has a text.")
    share = vectors.empty / vectors.texts
    words = f"{field}: {vectors.empty:,} of {vectors.texts:,} sampled texts ({share:.1%}) have no vector"
    if share > max_empty_share:
        words += ". What is left without one is never found; limits.max_empty_share is the most that is allowed"
        return passes(DRIFT, value=share, limit=max_empty_share, words=words)
    if min(len(vectors.before), len(vectors.after)) < CHANGED_DOCUMENTS:
        words += f". Fewer than {CHANGED_DOCUMENTS} documents changed by their text alone: they are not compared."
        return passes(DRIFT, value=share, limit=max_empty_share, words=words)
    moves = list(_moves(likeness, vectors))
    worst = max(moves, key=lambda move: move.share)
    listed = "; ".join(map(str, moves))
    words += f". {len(vectors.after):,} changed documents, before and now: {listed}.{_tokens(likeness, vectors)}"
    if worst.share > _MOST:
        words += (
            f" The {worst.what} moved by more than {_MOST:.0%} under one encoder: look at the texts that changed; where that is "
            "how they are, accept a mass change (accept_mass_change, --accept-mass-change)"
        )
    verdict = Verdict.PASS if worst.share <= _MOST else Verdict.UNDECIDED if accepted else Verdict.FAIL
    return Check(DRIFT, verdict, worst.share, _MOST, words)


def _moves(likeness: Likeness, vectors: Vectors) -> Iterator[_Move]:
    before, after = ([likeness.traits(json) for json in side] for side in (vectors.before, vectors.after))
    for trait in before[0]:
        for name, quantile in _QUANTILES.items():
            was, now = (float(np.quantile([traits[trait] for traits in side], quantile)) for side in (before, after))
            yield _Move(f"{name} of {trait}", was, now)


def _tokens(likeness: Likeness, vectors: Vectors) -> str:
    """The tokens whose share of documents moved most."""
    was, now = (
        Counter(token for json in side for token in set(likeness.tokens(json)))
        for side in (vectors.before, vectors.after)
    )
    moved = {
        token: (was[token] / len(vectors.before), now[token] / len(vectors.after))
        for token in sorted(was.keys() | now.keys())
    }
    most = sorted(moved, key=lambda token: -abs(moved[token][1] - moved[token][0]))[:_NAMED]
    listed = ", ".join(f"{token} {moved[token][0]:.0%} -> {moved[token][1]:.0%}" for token in most)
    return f" Tokens whose documents became more or fewer: {listed}." if listed else ""
