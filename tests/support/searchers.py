"""Searches from start to end of what is done to a corpus: in every mode, and as an application asks for itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchMode
from sparse_index.errors import SparseIndexError
from sparse_index.query.search import search

SIZE = 5
MARKER = "marker"
QUERY = "a waterlogged parcel in the attic"
# Lets what is searched get on with its work.
PAUSE_S = 0.1


@dataclass(frozen=True)
class Heard:
    """One answer, or the error instead. `hits`: id -> score, the best first; `edition`: the title of the marker document, ""
    where it was not found."""

    phase: str
    who: str
    index: str = ""
    pipeline: str | None = None
    hits: Mapping[str, float] = field(default_factory=dict)
    edition: str = ""
    made_by: Mapping[str, str] = field(default_factory=dict)
    degraded: tuple[str, ...] = ()
    error: str = ""

    @property
    def is_sound(self) -> bool:
        return not self.error and not self.degraded


@dataclass
class Day:
    """`config`: as the corpus file says at this moment; `phase`: what is being done."""

    config: CorpusConfig
    phase: str = "before"
    heard: list[Heard] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    def of(self, who: str) -> list[Heard]:
        return [each for each in self.heard if each.who == who]


def asked(cluster: Cluster, config: CorpusConfig, mode: SearchMode, phase: str, index: str | None = None) -> Heard:
    answer = search(cluster, config, QUERY, mode=mode, size=SIZE, index=index)
    titles = {hit.id: str(hit.source.get("title", "")) for hit in answer.hits}
    return Heard(
        phase=phase,
        who=mode.value,
        index=answer.index,
        pipeline=answer.pipeline,
        hits={hit.id: hit.score for hit in answer.hits},
        edition=titles.get(MARKER, ""),
        made_by=answer.made_by,
        degraded=answer.degraded,
    )


def asked_by_name(cluster: Cluster, name: str, phase: str, who: str) -> Heard:
    """As an application does: the text alone, which the default pipeline encodes and fuses."""
    sides = [{"match": {"body": QUERY}}, {"neural_sparse": {"text_sparse": {"query_text": QUERY}}}]
    sides.append({"neural": {"text_dense": {"query_text": QUERY, "k": 50}}})
    query = {"hybrid": {"queries": sides, "pagination_depth": 50}}
    body = {"size": SIZE, "_source": ["title"], "query": query}
    hits = cluster.post(f"/{name}/_search", body)["hits"]["hits"]
    titles = {hit["_id"]: hit["_source"]["title"] for hit in hits}
    (index,) = {hit["_index"] for hit in hits}
    found = {hit["_id"]: hit["_score"] for hit in hits}
    return Heard(phase, who, index=index, hits=found, edition=titles.get(MARKER, ""))


def _by_alias(cluster: Cluster, config: CorpusConfig, phase: str) -> Heard:
    return asked_by_name(cluster, config.alias, phase, "application, by the alias")


def _by_index(cluster: Cluster, config: CorpusConfig, phase: str) -> Heard:
    """The way that a switch cannot come between."""
    (index,) = cluster.get(f"/{config.alias}/_alias")
    return asked_by_name(cluster, index, phase, "application, by the index")


Ask = Callable[[Cluster, CorpusConfig, str], Heard]


def askers() -> dict[str, Ask]:
    def of_mode(mode: SearchMode) -> Ask:
        return lambda cluster, config, phase: asked(cluster, config, mode, phase)

    modes = {mode.value: of_mode(mode) for mode in SearchMode}
    return {**modes, "application, by the alias": _by_alias, "application, by the index": _by_index}


@contextmanager
def searching(connect: Callable[[], Cluster], config: CorpusConfig) -> Iterator[Day]:
    """Somebody asks in each way as long as the block runs."""
    day = Day(config)
    threads = [Thread(target=_ask, args=(connect(), day, who, ask)) for who, ask in askers().items()]
    for thread in threads:
        thread.start()
    try:
        yield day
    finally:
        day.over.set()
        for thread in threads:
            thread.join()


def _ask(cluster: Cluster, day: Day, who: str, ask: Ask) -> None:
    while not day.over.is_set():
        # Of a search that began in one phase and ended in the next, the former is noted.
        phase = day.phase
        try:
            day.heard.append(ask(cluster, day.config, phase))
        except SparseIndexError as error:
            day.heard.append(Heard(phase, who, error=f"{error.status} {error.message}"))
        time.sleep(PAUSE_S)
