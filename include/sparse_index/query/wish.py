"""What one search is asked for, and what it learns on its way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypedDict

from sparse_index.cluster.client import Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import BM25, RerankConfig, SearchMode
from sparse_index.errors import ConfigError, SparseIndexError, UnavailableError
from sparse_index.query.answer import Times, Via
from sparse_index.query.encoding import Given
from sparse_index.query.pipelines import has_full_text
from sparse_index.timing import REAL_TIME, Clock, Timing

DEFAULT_SIZE = 10


class How(TypedDict, total=False):
    """What hardly any caller says. `strict`: whoever does not answer fails the search."""

    given: Given
    strict: bool


@dataclass(frozen=True)
class Wish:
    """`filters`: in words."""

    mode: SearchMode
    size: int
    filters: Sequence[str]
    explain: bool
    via: Via
    given: Given = field(default_factory=Given)
    strict: bool = False


@dataclass
class Findings:
    """`via`: CLIENT as soon as anything is fused or re-ranked here. `away`: of one search, how many shards had no part in its
    answer, and of how many: the cluster answers without them, and calls none of them failed."""

    clock: Clock
    via: Via = Via.SERVER
    times: Times = field(default_factory=Times)
    degraded: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    away: tuple[int, int] = (0, 0)

    def hits(self, answer: Json) -> list[Json]:
        """Of one search."""
        self.saw([answer])
        hits: list[Json] = answer["hits"]["hits"]
        return hits

    def saw(self, answers: Sequence[Json], away: int = 0) -> None:
        """Those of one search, of all shards or of each; `away`: shards that were asked by themselves and gave none."""
        told = [answer["_shards"] for answer in answers]
        shards = sum(each["total"] for each in told) + away
        self.away = max(self.away, (shards - sum(each["successful"] for each in told), shards))

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started = self.clock()
        yield
        self.times = replace(self.times, **{name: self.clock() - started})

    def degrade(self, failed: Mapping[str, SparseIndexError], *, raises: bool) -> None:
        """Note who did not answer; or raise the first one's error."""
        if raises and failed:
            raise next(iter(failed.values()))
        self.degraded += [f"{who} did not answer: {error.message}" for who, error in failed.items()]

    def require_whole(self, index: str, *, strict: bool) -> None:
        """Note that shards of `index` were away; `UnavailableError` where that fails the search."""
        away, shards = self.away
        if not away:
            return
        said = f"{away} of {shards} shards of {index} did not answer: their documents are missing. Look at the cluster's health."
        if strict:
            raise UnavailableError(said)
        self.degraded.append(said)


def nothing_yet(timing: Timing = REAL_TIME) -> Findings:
    """As a search begins."""
    return Findings(timing.clock)


def default_mode(config: CorpusConfig) -> SearchMode:
    """What the corpus file says, else the mode of its first vector field."""
    return config.search.mode or SearchMode(config.first_field.kind)


def modes(config: CorpusConfig) -> list[SearchMode]:
    """Those that the corpus has something for. Words are searched, and a text is re-ranked, only where the template's columns are
    indexed."""
    kinds = {SearchMode(field.kind) for field in config.vector_fields.values()}
    words = has_full_text(config)
    others = {
        SearchMode.BM25: words,
        SearchMode.HYBRID: len(config.sides) > 1 and (words or BM25 not in config.sides),
        SearchMode.RERANK: config.search.rerank is not None and words,
    }
    return [mode for mode in SearchMode if others.get(mode, mode in kinds)]


def default_size(config: CorpusConfig, mode: SearchMode) -> int:
    return reranker(config).top if mode is SearchMode.RERANK else DEFAULT_SIZE


def sides_asked(config: CorpusConfig, mode: SearchMode) -> tuple[str, ...]:
    """`bm25` or names of vector fields; ConfigError for a mode that the corpus has nothing for."""
    if mode is SearchMode.BM25:
        return (BM25,)
    if mode in (SearchMode.HYBRID, SearchMode.RERANK):
        return config.sides
    fields = [name for name, each in config.vector_fields.items() if each.kind == mode.value]
    if not fields:
        kinds = ", ".join(f"{name} ({each.kind})" for name, each in config.vector_fields.items())
        raise ConfigError(f"Mode {mode.value} needs a vector field of that kind, and '{config.alias}' has {kinds}.")
    return (fields[0],)


def reranker(config: CorpusConfig) -> RerankConfig:
    """ConfigError where the corpus has none."""
    if config.search.rerank is None:
        raise ConfigError(f"Mode rerank needs a model that re-ranks: '{config.alias}' has no search.rerank.")
    return config.search.rerank
