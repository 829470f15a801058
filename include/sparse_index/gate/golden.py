"""What the golden set of a corpus says of a candidate: the checks `golden` and `canaries`.

Golden queries that nobody judged, and canaries, are asked the same way as the judged ones. Nothing here asks anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from sparse_index.builds.check import Check, Verdict, skipped
from sparse_index.config.gate import GateConfig
from sparse_index.relevance.compare import Comparison, compare, in_words, is_explained
from sparse_index.relevance.evaluate import missing_of
from sparse_index.relevance.golden import GoldenSet
from sparse_index.relevance.measures import JUDGED, NDCG, RECALL, RECIPROCAL_RANK, Measured, Rankings, measure
from sparse_index.relevance.unknown import MOST_UNKNOWN, share_unknown
from sparse_index.relevance.unknown import in_words as unknown_in_words

GOLDEN, CANARIES = "golden", "canaries"
NAMED = 3


@dataclass(frozen=True)
class GoldenAnswers:
    """What the candidate and the live index answered to a golden set, each as its own configuration asks.

    `live`: None where nothing can be compared with, which `alone` says; then `yardstick` is what BM25 finds in the candidate,
    None where it has no text to search in.
    `altered`: of the documents that were found, those that came, changed or went between the two. `unknown`: judged documents
    that the candidate lacks; `gone`: those that canaries must find, likewise.
    """

    golden: GoldenSet
    candidate: Rankings
    live: Rankings | None
    yardstick: Rankings | None = None
    altered: Collection[str] = ()
    unknown: Sequence[str] = ()
    gone: Collection[str] = ()
    alone: str = "There is no live index."

    @property
    def texts(self) -> Mapping[str, str]:
        return {query.id: query.text for query in self.golden.queries}


def not_judged(why: str) -> tuple[Check, ...]:
    return skipped(GOLDEN, why), skipped(CANARIES, why)


def not_answered(why: str) -> tuple[Check, ...]:
    return tuple(Check(name, Verdict.FAIL, None, None, why) for name in (GOLDEN, CANARIES))


def canaries_check(asked: GoldenAnswers) -> Check:
    """Every document that a canary must find is within its rank."""
    canaries = asked.golden.canaries
    if not canaries:
        return skipped(CANARIES, "no query of the golden set has `must`.")
    missing = missing_of(canaries, asked.candidate)
    if not missing:
        return Check(CANARIES, Verdict.PASS, 0, 0, f"{len(canaries)} canaries found all they must.")
    within = {query.id: query.within for query in canaries}
    lost = [
        f"{query} '{asked.texts[query]}' did not find {_named(asked, ids)} among its first {within[query]}"
        for query, ids in list(missing.items())[:NAMED]
    ]
    words = f"{len(missing)} of {len(canaries)} canaries miss a document: {'; '.join(lost)}."
    return Check(CANARIES, Verdict.FAIL, len(missing), 0, words)


def _named(asked: GoldenAnswers, ids: Sequence[str]) -> str:
    return ", ".join(f"{id_} (not in the index: correct its `must`)" if id_ in asked.gone else id_ for id_ in ids)


def golden_check(asked: GoldenAnswers, gate: GateConfig) -> Check:
    """Judged queries: against the owner's floor, then against the live index, or BM25 where there is none."""
    judgements = asked.golden.judgements
    if not judgements:
        return skipped(GOLDEN, "no query of the golden set is judged.")
    stray = _stray(asked)
    if stray is not None:
        return stray
    found = measure(asked.candidate, judgements)
    if gate.min_ndcg is not None and found.mean(NDCG) < gate.min_ndcg:
        words = f"{NDCG} {found.mean(NDCG):.3f} over {len(judgements)} queries is below gate.min_ndcg. {_beside(found)}"
        return Check(GOLDEN, Verdict.FAIL, found.mean(NDCG), gate.min_ndcg, words)
    if asked.live is None:
        return _first(asked, found, gate)
    return _against_live(asked, found, asked.live, gate)


def _stray(asked: GoldenAnswers) -> Check | None:
    """Judgements that belong to another corpus measure nothing."""
    share = share_unknown(asked.unknown, asked.golden)
    if share <= MOST_UNKNOWN:
        return None
    return Check(GOLDEN, Verdict.FAIL, share, MOST_UNKNOWN, unknown_in_words(asked.unknown, asked.golden))


def _against_live(asked: GoldenAnswers, found: Measured, live: Rankings, gate: GateConfig) -> Check:
    judgements = asked.golden.judgements
    explained = [query for query in judgements if is_explained(live[query], asked.candidate[query], asked.altered)]
    comparison = compare(measure(live, judgements), found, max_drop=gate.max_drop, explained=explained)
    words = " ".join([in_words(comparison, asked.texts), *_unknown(asked)])
    return Check(GOLDEN, comparison.verdict, _drop(comparison), gate.max_drop, words)


def _first(asked: GoldenAnswers, found: Measured, gate: GateConfig) -> Check:
    """Nothing is live that could be worse; what full-text search finds in the same index is the yardstick."""
    if asked.yardstick is None:
        words = f"{asked.alone} {NDCG} {found.mean(NDCG):.3f} over {len(asked.golden.judgements)} queries, and no text is indexed"
        words = f"{words} in which BM25 could be asked the same: undecided. {_beside(found)}"
        return Check(GOLDEN, Verdict.UNDECIDED, None, gate.max_drop, " ".join([words, *_unknown(asked)]))
    bm25 = measure(asked.yardstick, asked.golden.judgements)
    drop = bm25.mean(NDCG) - found.mean(NDCG)
    verdict = Verdict.UNDECIDED if drop > gate.max_drop else Verdict.PASS
    words = (
        f"{asked.alone} {NDCG} {found.mean(NDCG):.3f} over {len(asked.golden.judgements)} queries, by BM25 of the same index "
        f"{bm25.mean(NDCG):.3f}{', which is better: undecided' if verdict is Verdict.UNDECIDED else ''}. {_beside(found)}"
    )
    return Check(GOLDEN, verdict, drop, gate.max_drop, " ".join([words, *_unknown(asked)]))


def _drop(comparison: Comparison) -> float | None:
    return -fmean(comparison.differences.values()) if comparison.differences else None


def _beside(found: Measured) -> str:
    return ", ".join(f"{name} {found.mean(name):.2f}" for name in (RECALL, RECIPROCAL_RANK, JUDGED)) + "."


def _unknown(asked: GoldenAnswers) -> Iterator[str]:
    if asked.unknown:
        yield unknown_in_words(asked.unknown, asked.golden)
