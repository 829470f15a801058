"""From what was asked for to a question that can be asked: everything that can be wrong with it is looked at first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import BM25
from sparse_index.errors import ConfigError, SparseIndexError
from sparse_index.names import pipeline_owner
from sparse_index.query.encoding import Encoded, encoded
from sparse_index.query.filters import filter_queries
from sparse_index.query.question import Question
from sparse_index.query.target import Target
from sparse_index.query.wish import Findings, Wish, sides_asked


def prepared(
    cluster: Cluster, config: CorpusConfig, target: Target, query: str, wish: Wish, found: Findings
) -> Question:
    """With the query for every side that could be made; raises where none could."""
    sides = sides_asked(config, wish.mode)
    _require_askable(target, query, wish, sides)
    filters = _filters(config, target, wish)
    with found.timed("encode_s"):
        answered = _encoded(cluster, config, target, query, wish, sides, found)
    found.notes += [*_of_the_pipeline(config, target), *_of_nothing(answered)]
    return Question(config, target, query, answered, filters, wish.explain)


def _require_askable(target: Target, query: str, wish: Wish, sides: Sequence[str]) -> None:
    if not query.strip() and not set(sides) <= set(wish.given.tokens):
        raise ConfigError("The query is blank: write what to look for.")
    if not 1 <= wish.size <= target.largest_page:
        raise ConfigError(
            f"size {wish.size}: one search of {target.name} gives 1 to {target.largest_page:,} hits (index.max_result_window)."
        )


def _filters(config: CorpusConfig, target: Target, wish: Wish) -> list[Json]:
    """The caller's, and the alias's own."""
    if wish.filters and not target.known:
        raise ConfigError(f"The filters cannot be checked: this login may not read the mapping of '{target.name}'.")
    return [*target.filters, *filter_queries(wish.filters, target.mapping, config.vector_fields)]


def _encoded(
    cluster: Cluster,
    config: CorpusConfig,
    target: Target,
    query: str,
    wish: Wish,
    sides: Sequence[str],
    found: Findings,
) -> dict[str, Encoded | None]:
    """Side -> its query, at the same time; the sides that have none are noted."""

    def one(side: str) -> Encoded | SparseIndexError | None:
        try:
            return None if side == BM25 else encoded(cluster, config, target, side, query, wish.given)
        except ConfigError:
            raise
        except SparseIndexError as error:
            return error

    with ThreadPoolExecutor(len(sides)) as pool:
        made = dict(zip(sides, pool.map(one, sides), strict=True))
    failed = {side: each for side, each in made.items() if isinstance(each, SparseIndexError)}
    found.degrade(failed, raises=wish.strict or len(failed) == len(sides))
    return {side: each for side, each in made.items() if not isinstance(each, SparseIndexError)}


def _of_the_pipeline(config: CorpusConfig, target: Target) -> list[str]:
    if not target.known:
        return [
            f"This login may search '{target.name}' and nothing else: it was asked by its alias, whose own filter a dense side "
            "meets only after its nearest documents were chosen."
        ]
    if target.pipeline is None or pipeline_owner(target.pipeline) == config.alias:
        return []
    return [f"The default search pipeline {target.pipeline} of {target.name} is not ours: this search went without it."]


def _of_nothing(sides: Mapping[str, Encoded | None]) -> list[str]:
    return [
        f"{side} finds nothing: its vector of this query is empty, as of words that it does not know."
        for side, each in sides.items()
        if each is not None and each.is_empty
    ]
