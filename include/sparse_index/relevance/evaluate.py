"""Ask an index every query of a golden set, in one or more modes, and say how good the answers are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import pyarrow as pa

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchMode
from sparse_index.query.answer import Answer, Via
from sparse_index.query.encoding import NOTHING_GIVEN, Given, knowing_models
from sparse_index.query.search import search_target
from sparse_index.query.target import Target, observe_target
from sparse_index.query.wish import Wish, sides_asked
from sparse_index.relevance.golden import GoldenQuery, GoldenSet
from sparse_index.relevance.measures import DEPTH, MEASURES, Measured, Rankings, measure

Ask = Callable[[SearchMode, GoldenQuery, int], Answer]  # mode, query, how many hits


@dataclass(frozen=True)
class Evaluation:
    """One mode's answers. `measured`: None when no query is judged; `missing`: canary's id -> what it should have found;
    `notes`: query's id -> what else was worth saying of its answer."""

    mode: SearchMode
    canaries: int
    missing: Mapping[str, Sequence[str]]
    measured: Measured | None
    notes: Mapping[str, Sequence[str]]


def asks(
    cluster: Cluster,
    config: CorpusConfig,
    index: str | None = None,
    given: Given = NOTHING_GIVEN,
    via: Via = Via.AUTO,
) -> Ask:
    """As `search` asks, of what is found at the first query: the index and its models are looked up once. Whoever does not
    answer fails the evaluation, which would be one of something else."""

    @cache
    def target() -> Target:
        return observe_target(cluster, config, index)

    @cache
    def knowing(mode: SearchMode) -> Given:
        return knowing_models(cluster, config, target(), sides_asked(config, mode), given)

    def ask(mode: SearchMode, query: GoldenQuery, size: int) -> Answer:
        wish = Wish(mode, size, query.filters, explain=False, via=via, given=knowing(mode), strict=True)
        return search_target(cluster, config, target(), query.text, wish)

    return ask


def evaluate(ask: Ask, golden: GoldenSet, mode: SearchMode) -> Evaluation:
    """Ask every query, and measure what there is to measure."""
    answers = _answers(ask, golden, mode)
    rankings = _rankings(answers)
    return Evaluation(
        mode,
        canaries=len(golden.canaries),
        missing=missing_of(golden.canaries, rankings),
        measured=measure(rankings, golden.judgements) if golden.judgements else None,
        notes={id_: answer.notes for id_, answer in answers.items() if answer.notes},
    )


def rank(ask: Ask, golden: GoldenSet, mode: SearchMode) -> dict[str, list[str]]:
    """Query id -> ids of its hits, best first."""
    return _rankings(_answers(ask, golden, mode))


def _answers(ask: Ask, golden: GoldenSet, mode: SearchMode) -> dict[str, Answer]:
    """Every query with its own filters."""
    return {query.id: ask(mode, query, _depth(query)) for query in golden.queries}


def _rankings(answers: Mapping[str, Answer]) -> dict[str, list[str]]:
    return {id_: [hit.id for hit in answer.hits] for id_, answer in answers.items()}


def _depth(query: GoldenQuery) -> int:
    return max(DEPTH, query.within)


def missing_of(canaries: Sequence[GoldenQuery], rankings: Rankings) -> dict[str, list[str]]:
    """Of canaries that did not find all they must: id -> what is missing."""
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
        if evaluation.notes:
            query, (note, *_) = next(iter(evaluation.notes.items()))
            yield f"{evaluation.mode}: of {len(evaluation.notes)} answers there is more to say, of '{query}': {note}"


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
