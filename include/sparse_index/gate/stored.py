"""Random documents of the candidate against the books and the store: each has the vector of its own text, or none. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparse_index.builds.check import Check, Verdict, passes, skipped

STORED = "stored vectors"
_CERTAINTY = 0.95
_EXAMPLES = 5


@dataclass(frozen=True)
class Sampled:
    """A document. `known`: whether the manifest has it; `with_text`: the vector fields for which it has a text. By vector field,
    as a list of JSON and None for no vector: what is `there`, and what is in the `store` for its texts; not in it what the store
    lacks."""

    id: str
    known: bool
    with_text: Set[str]
    there: Mapping[str, Any]
    store: Mapping[str, Any]

    def problem(self) -> str:
        """What is wrong with it, "" for nothing."""
        if not self.known:
            return "is not in the manifest"
        return next((what for field in self.there if (what := self.problem_in(field))), "")

    def problem_in(self, field: str) -> str:
        """What is wrong with its vectors in one field, "" for nothing."""
        there, is_empty = self.there[field], field in self.store and self.store[field] is None
        if field not in self.with_text:
            return "" if there is None else f"has a vector in {field} but no text"
        if there is None:
            return "" if is_empty else f"has a text but no vector in {field}"
        if field not in self.store or same_float32(there, self.store[field]):
            return ""
        return f"has another vector in {field}"

    @property
    def is_unseen(self) -> bool:
        """Whether the store has nothing to compare a vector of it with: somebody deleted there what the live index holds."""
        return any(self.is_unseen_in(field) for field in self.there)

    def is_unseen_in(self, field: str) -> bool:
        return self.there[field] is not None and field not in self.store


def same_float32(one: Any, other: Any) -> bool:
    """Whether two JSON values are alike when each number is a float32."""
    if one is None or other is None:
        return one is other
    return bool(one == other or _as_float32(one) == _as_float32(other))


def _as_float32(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: float(np.float32(number)) for name, number in value.items()}
    if isinstance(value, list) and not all(isinstance(number, int | float) for number in value):
        return [None if each is None else _as_float32(each) for each in value]
    return np.asarray(value, dtype=np.float32).tolist()


def stored_vectors(sample: Sequence[Sampled], documents: int) -> Check:
    """`documents`: how many the sample was drawn from."""
    if not sample:
        return skipped(STORED, "There is no document.")
    problems = {each.id: problem for each in sample if (problem := each.problem())}
    if problems:
        listed = "; ".join(f"{id_} {problem}" for id_, problem in list(problems.items())[:_EXAMPLES])
        words = (
            f"{len(problems):,} of {len(sample):,} sampled documents ({len(problems) / len(sample):.1%}) differ from the store, "
            f"such as: {listed}. Run with mode full, which writes every vector anew from the store"
        )
    elif unseen := sum(each.is_unseen for each in sample):
        words = (
            f"{unseen:,} of {len(sample):,} sampled documents have a vector that the store lacks, so that nobody can say whether "
            "it is right. Run with mode full, which encodes such texts again"
        )
        return Check(STORED, Verdict.UNDECIDED, unseen, 0, words)
    elif len(sample) >= documents:
        words = f"all {documents:,} documents have the vectors that the store has for their texts."
    else:
        words = (
            f"{len(sample):,} of {documents:,} documents were looked at and are right, so that with {_CERTAINTY:.0%} certainty "
            f"fewer than {hidden_share(len(sample)):.2%} of all are wrong."
        )
    return passes(STORED, value=len(problems), limit=0, words=words)


def hidden_share(sampled: int) -> float:
    """The share s of wrong documents of which so many drawn ones show none in 5 % of all cases: (1 - s)^n = 0.05."""
    return float(1 - (1 - _CERTAINTY) ** (1 / sampled))
