"""Ask an index every query of a golden set, in one or more modes, and say how good the answers are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import ConfigError
from sparse_index.query.search import Hit, QueryTokens, analyzer_tokens, bm25_hits, sparse_hits
from sparse_index.relevance.golden import GoldenQuery, GoldenSet
from sparse_index.relevance.measures import DEPTH, MEASURES, Measured, Rankings, measure


class SearchMode(StrEnum):
    """How a query is asked."""

    BM25 = "bm25"
    SPARSE = "sparse"


Ask = Callable[[SearchMode, str, int], Sequence[Hit]]  # mode, the query's text, how many hits


@dataclass(frozen=True)
class Evaluation:
    """One mode's answers. `measured`: None when no query is judged; `missing`: canary's id -> what it should have found."""

    mode: SearchMode
    canaries: int
    missing: Mapping[str, Sequence[str]]
    measured: Measured | None


def asks(cluster: Cluster, config: CorpusConfig, index: str) -> Ask:
    """As `search` asks without a model: the words of the query that the corpus's analyzer finds."""

    def ask(mode: SearchMode, text: str, size: int) -> Sequence[Hit]:
        if mode is SearchMode.BM25:
            return bm25_hits(cluster, config, index, text, size)
        analyzer = config.query.analyzer
        tokens = QueryTokens(analyzer_tokens(cluster, index, text, analyzer), f"analyzer {analyzer}")
        return sparse_hits(cluster, config, index, tokens, size)

    return ask


def evaluate(ask: Ask, golden: GoldenSet, mode: SearchMode) -> Evaluation:
    """ConfigError for a query with filters: no mode of today takes any, and without them it would be another query."""
    for query in golden.queries:
        if query.filters:
            raise ConfigError(
                f"Query '{query.id}' has filters, which search does not take yet. Remove them or the query."
            )
    rankings = {query.id: [hit.id for hit in ask(mode, query.text, _depth(query))] for query in golden.queries}
    return Evaluation(
        mode,
        canaries=len(golden.canaries),
        missing=_missing(golden.canaries, rankings),
        measured=measure(rankings, golden.judgements) if golden.judgements else None,
    )


def _depth(query: GoldenQuery) -> int:
    return max(DEPTH, query.within)


def _missing(canaries: Sequence[GoldenQuery], rankings: Rankings) -> dict[str, list[str]]:
    missing = {
        query.id: [id_ for id_ in query.must if id_ not in rankings[query.id][: query.within]] for query in canaries
    }
    return {query: ids for query, ids in missing.items() if ids}


def in_words(evaluations: Sequence[Evaluation], golden: GoldenSet) -> Iterator[str]:
    """A table, one row a mode, then what the canaries did not find."""
    yield f"{len(golden.queries)} queries, {len(golden.judgements)} of them judged"
    yield f"{'mode':<8}" + "".join(f"{name:>11}" for name in MEASURES) + f"{'canaries':>13}"
    for evaluation in evaluations:
        yield (
            f"{evaluation.mode:<8}"
            + "".join(f"{cell:>11}" for cell in _means(evaluation))
            + f"{_found(evaluation):>13}"
        )
    for evaluation in evaluations:
        for query, ids in evaluation.missing.items():
            yield f"{evaluation.mode}: canary '{query}' did not find {', '.join(ids)}"


def _means(evaluation: Evaluation) -> list[str]:
    measured = evaluation.measured
    return ["-" if measured is None else f"{measured.mean(name):.3f}" for name in MEASURES]


def _found(evaluation: Evaluation) -> str:
    return f"{evaluation.canaries - len(evaluation.missing)} of {evaluation.canaries}" if evaluation.canaries else "-"


def per_query(evaluations: Sequence[Evaluation]) -> pa.Table:
    """Columns mode, query, measure, value: a row for every judged query and measure."""
    rows = [
        {"mode": evaluation.mode.value, "query": query, "measure": name, "value": value}
        for evaluation in evaluations
        if evaluation.measured is not None
        for name, values in evaluation.measured.values.items()
        for query, value in values.items()
    ]
    names = {"mode": pa.string(), "query": pa.string(), "measure": pa.string(), "value": pa.float64()}
    return pa.Table.from_pylist(rows, schema=pa.schema(list(names.items())))
