"""Two answers of a corpus side by side: the ways of asking it, and where both agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchMode
from sparse_index.console.generations import Generations
from sparse_index.console.listed import Listed
from sparse_index.errors import ConfigError
from sparse_index.live.generations import own_indices
from sparse_index.query.answer import Answer, Hit
from sparse_index.query.pipelines import has_full_text
from sparse_index.query.search import search
from sparse_index.query.wish import default_mode, modes

LIVE, CANDIDATE = "live", "candidate"
MOST_HITS, MOST_TOKENS = 20, 12
TEXT_CHARS = 200


@dataclass(frozen=True)
class Way:
    """`place`: live, candidate, or the name of an index."""

    mode: SearchMode
    place: str

    def __str__(self) -> str:
        return f"{self.mode}@{self.place}"

    @property
    def words(self) -> str:
        return f"{self.mode} on {self.place}"


def way_of(said: str) -> Way:
    """ConfigError for what names none."""
    mode, _, place = said.partition("@")
    if mode not in list(SearchMode) or not place:
        raise ConfigError(
            f"'{said[:60]}' is no way to search: it is a mode ({', '.join(SearchMode)}), '@' and a place, as in bm25@live."
        )
    return Way(SearchMode(mode), place)


def config_of(listed: Listed) -> CorpusConfig:
    """As the corpus's DAG declares it. ConfigError where that cannot be read."""
    try:
        return CorpusConfig.model_validate(listed.searched)
    except ValidationError as error:
        raise ConfigError(
            f"The DAG of corpus {listed.corpus} does not say how it is searched, or in the words of another version of this "
            "package. Install the same version for API server and DAG processor; the DAG is read again within minutes. "
            f"({'; '.join(_problems(error))})"
        ) from None


def _problems(error: ValidationError) -> Iterator[str]:
    """Without what was given: it may be a secret."""
    for each in error.errors(include_url=False, include_input=False):
        yield ": ".join(filter(None, (".".join(map(str, each["loc"])), each["msg"])))


def ways(config: CorpusConfig, found: Generations | None) -> list[Way]:
    """`found`: None where nobody knows which indices there are."""
    indices = found.indices if found is not None else ()
    former = [each.index for each in indices if each.state not in (LIVE, CANDIDATE)]
    return [Way(mode, place) for place in (LIVE, CANDIDATE, *former) for mode in modes(config)]


def usual_ways(config: CorpusConfig) -> tuple[Way, Way]:
    """What is compared where nobody said: full text with the corpus's own mode."""
    first = SearchMode.BM25 if has_full_text(config) else default_mode(config)
    return Way(first, LIVE), Way(default_mode(config), LIVE)


@dataclass(frozen=True)
class Token:
    """`share`: of what its side gives the document, 0 to 1; None where nobody knows. `added`: not in the document's text, the
    model added it."""

    text: str
    share: float | None
    added: bool


@dataclass(frozen=True)
class Row:
    """`text`: its first characters."""

    hit: Hit
    text: str
    tokens: Sequence[Token]


@dataclass(frozen=True)
class Column:
    """One answer. `degraded` and `notes` of it are sentences for whoever asked."""

    answer: Answer
    rows: Sequence[Row]

    @property
    def ids(self) -> list[str]:
        return [row.hit.id for row in self.rows]


def column(
    cluster: Cluster, config: CorpusConfig, query: str, way: Way, size: int, filters: Sequence[str] = ()
) -> Column:
    """Errors as `search`; ConfigError for a place where nothing is."""
    index = _index_at(cluster, config.alias, way.place)
    answer = search(cluster, config, query, mode=way.mode, size=size, filters=filters, explain=True, index=index)
    return Column(answer, [Row(hit, hit.text[:TEXT_CHARS], tuple(_tokens(hit))[:MOST_TOKENS]) for hit in answer.hits])


def _index_at(cluster: Cluster, alias: str, place: str) -> str | None:
    """None: whatever the alias stands for. Never an index of another corpus, whatever its name is."""
    if place == LIVE:
        return None
    own = own_indices(cluster, alias)
    if place == CANDIDATE:
        whole = (each.name for each in own if each.is_failed_candidate and each.meta.state == "complete")
        found = next(whole, None)
        if found is None:
            raise ConfigError(f"'{alias}' has no complete candidate now: the last one went live, or was deleted.")
        return found
    if place not in {each.name for each in own}:
        raise ConfigError(f"'{alias}' has no index '{place[:120]}' now. Choose one of those that are there.")
    return place


def _tokens(hit: Hit) -> Iterator[Token]:
    """Of every side, each with the largest share first."""
    added = hit.expansions
    for found in hit.sides.values():
        whole = sum(found.matched.values())
        for token, share in sorted(found.matched.items(), key=lambda item: -item[1]):
            yield Token(token, share / whole if whole else None, token in added)


def moves(ids: Sequence[str], others: Sequence[str]) -> Mapping[str, str]:
    """Id -> how its place differs from the one in the other list, in words; those that stand at the same place are left out."""
    there = {id_: rank for rank, id_ in enumerate(others)}
    found = {id_: _move(rank, there.get(id_)) for rank, id_ in enumerate(ids)}
    return {id_: words for id_, words in found.items() if words}


def _move(rank: int, other: int | None) -> str:
    if other is None:
        return "only here"
    if rank == other:
        return ""
    return f"{abs(other - rank)} {'higher' if rank < other else 'lower'} here"
