"""A search, ready to be asked: one query for each side with its filters inside, and what comes back of a document."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sparse_index.cluster.client import Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import BM25, LARGEST_PAGE
from sparse_index.corpus.passages import Passage
from sparse_index.live.attached import NO_PIPELINE
from sparse_index.query.answer import Found, Hit
from sparse_index.query.encoding import Encoded
from sparse_index.query.pipelines import text_fields
from sparse_index.query.target import Target
from sparse_index.vectors.kind import Asked, Shown

_MARKED = re.compile(r"<em>(.*?)</em>")


@dataclass(frozen=True)
class Question:
    """`sides`: side -> how the query became its vector; None of full text. `filters`: the caller's and the alias's."""

    config: CorpusConfig
    target: Target
    text: str
    sides: Mapping[str, Encoded | None]
    filters: Sequence[Json]
    explain: bool

    @property
    def encoded(self) -> dict[str, Encoded]:
        """The sides that have a vector for the query."""
        return {side: encoded for side, encoded in self.sides.items() if encoded is not None}

    @property
    def divided(self) -> list[str]:
        """Those of them whose documents have passages."""
        encoded = {side: self.encoded[side] for side in self.config.vector_fields if side in self.encoded}
        return [side for side, each in encoded.items() if each.kind.has_passages]

    def clause(self, side: str, candidates: int) -> Json:
        """Named, so that the answer tells what the side itself gives a hit."""
        encoded = self.sides[side]
        if encoded is None:
            found: Json = {"bool": {"must": [self._full_text()], "filter": list(self.filters)}}
        else:
            found = encoded.clause(side, Asked(candidates, self.filters))
        # Not inside the clause: neural_sparse refuses a name.
        return {"bool": {"must": [found], "_name": side}}

    def closer(self, ids: Sequence[str]) -> Json:
        """A query for these documents that shows the best passage of each, by every side that has passages."""
        these: Json = {"ids": {"values": list(ids)}}
        # As many as may be: where a filter lets fewer vectors through, every one of them is looked at.
        asked = Asked(LARGEST_PAGE, [these], shows=True)
        shown = [self.encoded[side].clause(side, asked) for side in self.divided]
        return {"bool": {"filter": [these], "should": shown}}

    def _full_text(self) -> Json:
        """In the columns of the text template, each by the analyzer of its field. A field of numbers or dates passes over words
        that are none."""
        fields = text_fields(self.config)
        return {"multi_match": {"query": self.text, "fields": fields, "type": "most_fields", "lenient": True}}

    @property
    def fetched(self) -> Json:
        """What a request says of the documents it gives: their source without vectors, or with those that explain something."""
        read = [side for side, encoded in self.encoded.items() if self.explain and encoded.kind.matched]
        left_out = [name for name in self.config.vector_fields if name not in read or name in self.divided]
        parts: Json = {"_source": {"excludes": left_out}}
        if self.explain and BM25 in self.sides:
            fields = {name: {"number_of_fragments": 0} for name in text_fields(self.config)}
            parts["highlight"] = {"highlight_query": self._full_text(), "fields": fields}
        return parts

    def hit(self, raw: Json, score: float, sides: Mapping[str, Found]) -> Hit:
        """`raw`: a hit as the cluster gives it."""
        shown = {side: encoded.kind.shown(side, raw) for side, encoded in self.encoded.items()}
        if self.explain:
            sides = {side: replace(each, matched=self._matched(side, raw, shown)) for side, each in sides.items()}
        source = {name: value for name, value in raw["_source"].items() if name not in self.config.vector_fields}
        text = ". ".join(str(source[name]) for name in self.config.source.text_columns if source.get(name) is not None)
        passages = {side: Passage(**each.passage) for side, each in shown.items() if each.passage is not None}
        return Hit(raw["_id"], score, source, text, sides, passages)

    def _matched(self, side: str, raw: Json, shown: Mapping[str, Shown]) -> Mapping[str, float]:
        if side not in shown:
            return _marked_words(raw)
        encoded = self.encoded[side]
        return encoded.kind.matched(encoded.output, shown[side].vector) if encoded.kind.matched else {}


def _marked_words(raw: Json) -> dict[str, float]:
    fragments = (fragment for field in raw.get("highlight", {}).values() for fragment in field)
    return {word.lower(): 0.0 for fragment in fragments for word in _MARKED.findall(fragment)}


def ours_alone(body: Json) -> Json:
    """Whatever default pipeline the index has, this search is what it says."""
    return {"search_pipeline": NO_PIPELINE} | body
