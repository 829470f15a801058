"""The same queries to the live index and to the candidate: what differs that nothing explains. Pure functions.

A score of a vector field depends on the query and on the document alone. So with one encoder a document that did not change
keeps its score, exactly, whatever else came or went; that of BM25 moves with the words of all documents.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import fmean

from sparse_index.builds.check import Check, Verdict, passes, skipped
from sparse_index.config.gate import MIN_RECALL, GateConfig

UNCHANGED, TOP_TEN = "unchanged documents", "top 10"
TOLERANCE = 1e-4
TOP = 10
_PERSISTENCE = 0.9
_EXAMPLES = 3
_NOT_ENCODED = (
    "The candidate does not hold what was encoded, or it scores otherwise. Run with mode full, which writes every vector anew "
    "from the store"
)
_ALTERED_LIVE = (
    "For all of them the candidate has what the store has, and the live index has not: somebody altered it, and this candidate "
    "puts it right. If that is so, run with mode full and accept a mass change (accept_mass_change, --accept-mass-change)"
)

# Document id -> score, best first.
Hits = Mapping[str, float]


@dataclass(frozen=True)
class Answers:
    """To one query of which `asked` hits were wanted."""

    asked: int
    live: Hits
    candidate: Hits


@dataclass(frozen=True)
class _Difference:
    id: str
    words: str


def differing(answers: Sequence[Answers], unchanged: Collection[str], *, finds_all: bool) -> set[str]:
    """Ids of the documents that `unchanged_documents` finds to differ."""
    return {found.id for found in _differences(answers, unchanged, finds_all=finds_all)}


def unchanged_documents(
    field: str,
    answers: Sequence[Answers],
    unchanged: Collection[str],
    *,
    finds_all: bool,
    altered_live: Collection[str] = (),
    accepted: bool = False,
) -> Check:
    """`unchanged`: ids of the documents whose text is the same on both sides; `finds_all`: a query misses no document.
    `altered_live`: of those that differ, where the store bears the candidate out and not the live index; `accepted`: somebody
    knows it."""
    compared = sum(1 for each in answers for id_ in each.live if id_ in each.candidate and id_ in unchanged)
    found = list(_differences(answers, unchanged, finds_all=finds_all))
    if not compared and not found:
        return skipped(UNCHANGED, f"{field}: none of the documents that {len(answers)} queries found is unchanged.")
    if not found:
        words = f"{field}: {compared:,} scores of unchanged documents under {len(answers)} queries are equal."
        return Check(UNCHANGED, Verdict.PASS, 0, 0, words)
    unborne = [each for each in found if each.id not in altered_live]
    examples = "; ".join(f"{each.id} {each.words}" for each in (unborne or found)[:_EXAMPLES])
    words = (
        f"{field}: {len(found):,} hits under {len(answers)} queries differ for documents whose text did not change and whose "
        f"encoder is the same, such as: {examples}. "
    )
    verdict = Verdict.UNDECIDED if accepted and not unborne else Verdict.FAIL
    return Check(UNCHANGED, verdict, len(found), 0, words + (_NOT_ENCODED if unborne else _ALTERED_LIVE))


def _differences(answers: Sequence[Answers], unchanged: Collection[str], *, finds_all: bool) -> Iterator[_Difference]:
    for each in answers:
        for id_ in (id_ for id_ in each.live if id_ in each.candidate and id_ in unchanged):
            was, now = each.live[id_], each.candidate[id_]
            if _differ(was, now):
                yield _Difference(id_, f"scores {now:.6g}, was {was:.6g}")
        if finds_all:
            lost = _missing(each, each.live, each.candidate, unchanged)
            yield from (_Difference(id_, "is not found any more") for id_ in lost)
            come = _missing(each, each.candidate, each.live, unchanged)
            yield from (_Difference(id_, "was not found before") for id_ in come)


def _missing(answers: Answers, here: Hits, there: Hits, unchanged: Collection[str]) -> Iterator[str]:
    """Unchanged documents that are only here, although their score is above the last one there."""
    last = min(there.values(), default=0.0) if len(there) >= answers.asked else 0.0
    return (id_ for id_, score in here.items() if id_ in unchanged and id_ not in there and _above(score, last))


def _differ(one: float, other: float) -> bool:
    return abs(one - other) > TOLERANCE * max(abs(one), abs(other))


def _above(score: float, last: float) -> bool:
    return score > last and _differ(score, last)


def top_ten(
    field: str, answers: Sequence[Answers], unchanged: Collection[str], gate: GateConfig, *, finds_all: bool
) -> Check:
    """How far the first ten hits moved, and how much of that neither a new, a changed nor a deleted document explains."""
    asked = [each for each in answers if each.live or each.candidate]
    if not asked:
        return skipped(TOP_TEN, f"{field}: none of {len(answers)} queries found anything.")
    positions = sum(len(_first(each.candidate)) for each in asked)
    share = sum(_unexplained(each, unchanged) for each in asked) / max(positions, 1)
    overlap = fmean(_overlap(each) for each in asked)
    biased = fmean(rank_biased_overlap(list(each.live), list(each.candidate)) for each in asked)
    words = (
        f"{field}: the first ten hits of {len(asked)} queries overlap by {overlap:.3f}, rank-biased by {biased:.3f}; {share:.1%} "
        "of the positions went to other documents without a new, changed or deleted one to explain it."
    )
    return passes(TOP_TEN, value=share, limit=_most_unexplained(gate, finds_all=finds_all), words=words)


def _most_unexplained(gate: GateConfig, *, finds_all: bool) -> float:
    """An index that may pass over documents passes over other ones after every full build. What either side's alone may miss,
    recall@10 allows it, and that comes or goes unexplained here. Where nobody measures recall@10, as much as by default."""
    if finds_all:
        return gate.max_unexplained
    return max(gate.max_unexplained, min(1.0, round(2 * (1 - (gate.min_recall or MIN_RECALL)), 6)))


def _first(hits: Hits) -> list[str]:
    return list(islice(hits, TOP))


def _overlap(answers: Answers) -> float:
    live, candidate = _first(answers.live), _first(answers.candidate)
    return len(set(live) & set(candidate)) / max(len(live), len(candidate))


def _unexplained(answers: Answers, unchanged: Collection[str]) -> int:
    """Unchanged documents that are new among the first ten, beyond those that fill the place of a changed or deleted one; of
    equal scores any may come first."""
    live, candidate = _first(answers.live), _first(answers.candidate)
    last = answers.live[live[-1]] if live else 0.0
    risen = [id_ for id_ in candidate if id_ not in live and id_ in unchanged and _differ(answers.candidate[id_], last)]
    gone = [id_ for id_ in live if id_ not in candidate and id_ not in unchanged]
    return max(0, len(risen) - len(gone))


def rank_biased_overlap(one: Sequence[str], other: Sequence[str]) -> float:
    """Webber's, to the depth of the longer list, of which 1 is the most: the overlap of the first d of both, over all d, each
    weighing 0.9 of the one before."""
    depth = max(len(one), len(other))
    weights = [_PERSISTENCE**place for place in range(depth)]
    shares = [len(set(one[:place]) & set(other[:place])) / place for place in range(1, depth + 1)]
    return sum(weight * share for weight, share in zip(weights, shares, strict=True)) / sum(weights)
