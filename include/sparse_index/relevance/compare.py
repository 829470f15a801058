"""Whether a candidate answers the judged queries at least as well as the index that is live.

Both were asked the same queries, so the queries are compared one by one: d = nDCG@10 of the candidate - nDCG@10 of live. The
mean of d has Student's interval, and what that leaves open is *undecided*, never good or bad by chance:

    pass        the lower bound is above -max_drop: no worse is shown; or no figure has changed at all
    fail        the mean is below -max_drop and the upper bound below 0: worse is shown
    undecided   everything else, and whatever fewer than ten queries say, or none where all that changed is explained

Each bound holds with 95 %, with 97.5 % below fifty queries: most d are zero and a few are large, and of such values a
small sample promises too much.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist, fmean, stdev

from sparse_index.builds.check import Verdict
from sparse_index.relevance.measures import JUDGED, NDCG, RECALL, RECIPROCAL_RANK, Measured

TOP = 10  # ranks that nDCG@10 looks at
FEWEST = 10  # queries that statistics say anything about
MANY = 50  # queries from which on a bound of 95 % is one
POWER = 0.8  # how often a drop of the size that "shows" is refused
ENOUGH_JUDGED = 0.5
NAMED = 3


@dataclass(frozen=True)
class Interval:
    """Student's, of a `mean` with a standard `error`; each bound alone holds with `confidence`. `half`: its half width."""

    mean: float
    error: float
    half: float
    confidence: float

    @property
    def low(self) -> float:
        return self.mean - self.half

    @property
    def high(self) -> float:
        return self.mean + self.half

    @property
    def factor(self) -> float:
        """So many standard errors is the smallest drop that shows in `POWER` of all cases."""
        return sum(map(NormalDist().inv_cdf, (self.confidence, POWER)))

    @property
    def share(self) -> str:
        """In words: how often the mean is within both bounds."""
        return f"{100 * (2 * self.confidence - 1):.0f} %"


@dataclass(frozen=True)
class Comparison:
    """Two indices over the same judged queries.

    `differences`: query id -> d, of the queries that count; `explained`: the same of those set apart, because nothing but the
    corpus's own changes stands between their answers. `interval`: None for fewer than `FEWEST` that count.
    """

    live: Measured
    candidate: Measured
    differences: Mapping[str, float]
    explained: Mapping[str, float]
    interval: Interval | None
    verdict: Verdict

    @property
    def lost(self) -> list[tuple[str, float]]:
        """(Query id, d) of those that lost, most first."""
        return sorted((pair for pair in self.differences.items() if pair[1] < 0), key=lambda pair: (pair[1], pair[0]))


def compare(live: Measured, candidate: Measured, *, max_drop: float, explained: Collection[str] = ()) -> Comparison:
    """`live` and `candidate` are measured over the same queries; `explained`: ids of those that are to be set apart. ValueError
    when the queries differ."""
    if live.values[NDCG].keys() != candidate.values[NDCG].keys():
        raise ValueError("Live and candidate were not asked the same queries: they cannot be compared.")
    all_ = {query: candidate.values[NDCG][query] - value for query, value in live.values[NDCG].items()}
    counting = {query: d for query, d in all_.items() if query not in explained}
    apart = {query: d for query, d in all_.items() if query in explained}
    values = list(counting.values())
    interval = student(values) if len(values) >= FEWEST else None
    verdict = _verdict(_figures(counting, apart), interval, max_drop)
    return Comparison(live, candidate, counting, apart, interval, verdict)


def student(values: Sequence[float]) -> Interval:
    """Of the mean of two values or more."""
    from scipy.special import stdtrit  # noqa: PLC0415 - a fifth of the start of the command line

    count = len(values)
    confidence = 0.95 if count >= MANY else 0.975
    error = stdev(values) / sqrt(count)
    return Interval(fmean(values), error, float(stdtrit(count - 1, confidence)) * error, confidence)


def is_explained(live: Sequence[str], candidate: Sequence[str], altered: Collection[str]) -> bool:
    """Whether the first `TOP` of two rankings (document ids, best first) differ, and by `altered` documents alone: those that
    came, changed or went. Without them one list is the beginning of the other, which goes on only where the former is full."""
    tops = [ranking[:TOP] for ranking in (live, candidate)]
    kept = [([id_ for id_ in top if id_ not in altered], len(top) == TOP) for top in tops]
    (short, is_full), (long, _) = sorted(kept, key=lambda pair: len(pair[0]))
    goes_on = len(long) > len(short)
    return tops[0] != tops[1] and long[: len(short)] == short and (is_full or not goes_on)


def _figures(counting: Mapping[str, float], apart: Mapping[str, float]) -> Collection[float]:
    """Those that tell whether anything has changed: where none counts, the explained ones."""
    return (counting or apart).values()


def _verdict(figures: Collection[float], interval: Interval | None, max_drop: float) -> Verdict:
    if not any(figures):
        return Verdict.PASS
    if interval is None:
        return Verdict.UNDECIDED
    if interval.low > -max_drop:
        return Verdict.PASS
    worse = interval.mean < -max_drop and interval.high < 0
    return Verdict.FAIL if worse else Verdict.UNDECIDED


def in_words(comparison: Comparison, texts: Mapping[str, str]) -> str:
    """Some sentences for the owner; `texts`: query id -> what was asked."""
    return " ".join(_sentences(comparison, texts))


def _sentences(comparison: Comparison, texts: Mapping[str, str]) -> Iterator[str]:
    yield f"{_head(comparison)}: {comparison.verdict}{_doubt(comparison)}."
    if comparison.lost:
        named = ", ".join(f"{query} '{texts[query]}' ({d:+.3f})" for query, d in comparison.lost[:NAMED])
        yield f"Lost most: {named}."
    if comparison.explained:
        yield (
            f"{len(comparison.explained)} further queries differ only by documents that came, changed or went (mean "
            f"{fmean(comparison.explained.values()):+.3f}): explained, and not counted."
        )
    beside = (f"{name} {_means(comparison, name, 2)}" for name in (RECALL, RECIPROCAL_RANK, JUDGED))
    yield f"Beside it, over all: {', '.join(beside)}."
    if min(index.mean(JUDGED) for index in (comparison.live, comparison.candidate)) < ENOUGH_JUDGED:
        yield "Fewer than half of the first ten are judged, so that figures say little: judge what is found."


def _head(comparison: Comparison) -> str:
    count = len(comparison.differences)
    if count == 0:
        return f"{NDCG}, no judged query left to count"
    interval = comparison.interval
    spread = "" if interval is None else f", {interval.share} interval {interval.low:+.3f} to {interval.high:+.3f}"
    live, candidate = (
        fmean(index.values[NDCG][query] for query in comparison.differences) for index in _both(comparison)
    )
    return f"{NDCG} {live:.3f} -> {candidate:.3f} ({candidate - live:+.3f}{spread}) over {count} queries"


def _doubt(comparison: Comparison) -> str:
    interval = comparison.interval
    if not any(_figures(comparison.differences, comparison.explained)):
        return ", the figure of none has changed"
    if interval is None:
        return f"; fewer than {FEWEST} judged queries decide nothing"
    least = interval.factor * interval.error
    return f"; with these queries a drop under {least:.3f} does not show ({interval.factor:.2f} sd / sqrt n)"


def _both(comparison: Comparison) -> tuple[Measured, Measured]:
    return comparison.live, comparison.candidate


def _means(comparison: Comparison, name: str, places: int) -> str:
    return " -> ".join(f"{index.mean(name):.{places}f}" for index in _both(comparison))
