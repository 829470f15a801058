"""How a corpus is searched: what it is asked with, how several answers become one, and what puts them into their last order."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from math import isclose
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from sparse_index.config.encoder import ModelSource, Section
from sparse_index.config.field_names import FieldName

# The side that needs no vectors: full-text search in the columns of the text template.
BM25 = "bm25"
# The most that a cluster takes in one hybrid query.
MOST_SIDES = 5
# The most that one search may give, where the index says nothing else.
LARGEST_PAGE = 10_000
QueryWay = Literal["model", "analyzer", "tokens"]
Side = FieldName


class SearchMode(StrEnum):
    """How a query is asked. `sparse`, `dense`: the first vector field of that kind."""

    BM25 = "bm25"
    SPARSE = "sparse"
    DENSE = "dense"
    HYBRID = "hybrid"
    RERANK = "rerank"


class Fusion(Section):
    """How the sides' answers become one. `weights`: side -> its share of the score, of min_max only; left out, all weigh the
    same."""

    type: Literal["rrf", "min_max"] = "rrf"
    weights: dict[Side, Annotated[float, Field(ge=0, le=1)]] | None = None

    @model_validator(mode="before")
    @classmethod
    def _a_word_is_a_type(cls, raw: Any) -> Any:
        return {"type": raw} if isinstance(raw, str) else raw

    @model_validator(mode="after")
    def _weights_make_one(self) -> Fusion:
        if self.weights is None:
            return self
        if self.type != "min_max":
            raise ValueError(f"only min_max has weights: leave them out with {self.type}, or write type: min_max")
        total = sum(self.weights.values())
        if not isclose(total, 1, abs_tol=1e-3):
            raise ValueError(f"the weights sum to {total:g}: a cluster takes weights that sum to 1 only")
        return self

    def shares(self, sides: Iterable[str]) -> dict[str, float]:
        """Side -> its share of a score that is made of these sides alone: 1 together, in proportion to their weights."""
        given = {side: self.weights[side] if self.weights else 1.0 for side in sides}
        total = sum(given.values())
        return {side: weight / total if total else 1 / len(given) for side, weight in given.items()}


class RerankConfig(Section):
    """`model`: reads the query and a text together. It puts the first `depth` hits into their last order, of which `top` are
    given. Longer texts are cut to `max_words` words; the depth is lowered to what takes `budget_ms` (null: no limit). `weight`:
    its share in the last score, beside the one that the hits came with, each of them from 0 to 1 (1: its own score alone)."""

    model: ModelSource
    depth: Annotated[int, Field(ge=1, le=1_000)] = 50
    top: Annotated[int, Field(ge=1, le=1_000)] = 5
    max_words: Annotated[int, Field(ge=1)] | None = 120
    budget_ms: Annotated[float, Field(gt=0)] | None = 1_500
    weight: Annotated[float, Field(gt=0, le=1)] = 1

    @model_validator(mode="after")
    def _gives_what_it_read(self) -> RerankConfig:
        if self.top > self.depth:
            raise ValueError(f"top ({self.top}) is more than depth ({self.depth}): it gives hits that it has read")
        return self


class SearchConfig(Section):
    """`mode`: the default one (left out: that of the first vector field). `sides`: what hybrid asks, `bm25` or names of vector
    fields (left out: all of them); each gives `candidates` hits. `combine`: the hits of any side, or those of all.

    `query`: vector field -> how a query becomes its vector; `model` encodes it as it encoded the documents.
    """

    mode: SearchMode | None = None
    sides: tuple[Side, ...] = ()
    fusion: Fusion = Fusion()
    candidates: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = 50
    combine: Literal["union", "intersection"] = "union"
    query: dict[FieldName, QueryWay] = Field(default_factory=dict)
    rerank: RerankConfig | None = None

    @field_validator("sides")
    @classmethod
    def _each_once(cls, sides: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(sides)) < len(sides):
            raise ValueError("a side stands there twice: name each once")
        if len(sides) > MOST_SIDES:
            raise ValueError(f"{len(sides)} sides: a hybrid query takes {MOST_SIDES} at most")
        return sides
