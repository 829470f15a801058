"""What a search gives: hits, each with what every side says of it, and what did not go as asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sparse_index.config.search import SearchMode
from sparse_index.corpus.passages import Passage

_WORD = re.compile(r"\w+")


class Via(StrEnum):
    """Who fuses and re-ranks: the cluster within its search, or we. AUTO: the cluster where its answer is the same."""

    AUTO = "auto"
    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True)
class Found:
    """One side's own answer for a hit. `score`: the side's raw one. `rank`: from 1; None where the cluster fused, and nobody
    asked for explanations or there are several shards. `matched`, where they were asked for: token -> its share of the score;
    for BM25 the matching words (no share known: 0)."""

    score: float
    rank: int | None = None
    matched: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Hit:
    """`score`: the last one, the re-ranker's where there is one. `text`: the text columns that are indexed, in the template's
    order. `sides`: side -> what it found. `passages`: side -> the passage that answers best by its vectors, of those that have
    passages, whoever found the document. `rank_before`: from 1, the place before re-ranking; None where nothing re-ranked, or the
    cluster did."""

    id: str
    score: float
    source: Mapping[str, Any]
    text: str
    sides: Mapping[str, Found] = field(default_factory=dict)
    passages: Mapping[str, Passage] = field(default_factory=dict)
    rank_before: int | None = None

    @property
    def passage(self) -> Passage | None:
        """The best one, by the first side that has any."""
        return next(iter(self.passages.values()), None)

    @property
    def matched(self) -> dict[str, float]:
        """Of all sides."""
        return {token: share for found in self.sides.values() for token, share in found.matched.items()}

    @property
    def expansions(self) -> set[str]:
        """Matched tokens that are neither words of the document nor, as a word-piece model cuts them, their beginnings or, with
        `##`, later pieces: the model added them."""
        words = set(_WORD.findall(self.text.lower()))
        return {token for token in self.matched if not any(_is_of(word, token) for word in words)}


def _is_of(word: str, token: str) -> bool:
    return token[2:] in word[1:] if token.startswith("##") else word.startswith(token)


@dataclass(frozen=True)
class Times:
    """Seconds: until every side had its query, until the fused hits were there, until they were re-ranked."""

    encode_s: float = 0.0
    search_s: float = 0.0
    rerank_s: float = 0.0


@dataclass(frozen=True)
class Answer:
    """`index`: the physical index that was asked; `pipeline`: its default search pipeline, which our searches replace.
    `made_by`: side -> how the query became its vector (a model's id, an analyzer, tokens); `tokens`: side -> token -> weight of
    the query, of vectors that have tokens. `degraded`: which side, shards or model did
    not answer, and why; `notes`: what else is worth knowing. Both are sentences.
    """

    query: str
    mode: SearchMode
    index: str
    hits: Sequence[Hit]
    via: Via
    times: Times
    pipeline: str | None = None
    made_by: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    degraded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
