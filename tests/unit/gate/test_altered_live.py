"""Documents whose vectors the live index has lost: named, and never all of them in memory at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

from sparse_index.gate.examine import Examined
from sparse_index.gate.sides import Side
from sparse_index.gate.stored import Sampled

LIVE: Any = "live"
CANDIDATE: Any = "candidate"
NOTHING: Any = None
IDS = [f"d{number:04}" for number in range(2_500)]
AT_ONCE = 1_000


@dataclass(frozen=True)
class Read(Examined):
    """Every vector of the live index was altered, and every tenth of the candidate's."""

    asked: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    documents_seen: WeakSet[Sampled] = field(default_factory=WeakSet)

    def sampled(self, side: Side, ids: Sequence[str]) -> list[Sampled]:
        self.held.append(len(self.documents_seen))
        self.asked.append(len(ids))
        found = [Seen(id_, right=side is CANDIDATE and not id_.endswith("0")) for id_ in ids]
        self.documents_seen.update(found)
        return list(found)


class Seen(Sampled):
    def __init__(self, id_: str, *, right: bool) -> None:
        super().__init__(id_, True, {"v"}, {"v": [[1.0]] if right else [[2.0]]}, {"v": [[1.0]]})

    __hash__ = object.__hash__


def test_the_vectors_of_many_altered_documents_are_compared_some_at_a_time() -> None:
    read = Read(NOTHING, NOTHING, NOTHING, NOTHING, CANDIDATE, LIVE, "seed")
    assert read.altered_live(LIVE, "v", IDS) == {id_ for id_ in IDS if not id_.endswith("0")}
    assert read.asked == [AT_ONCE, AT_ONCE, AT_ONCE, AT_ONCE, 500, 500]
    assert max(read.held) <= AT_ONCE
    assert read.altered_live(LIVE, "v", []) == set()
