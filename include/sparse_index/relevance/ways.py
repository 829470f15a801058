"""The ways in which one corpus can be searched, each with its answers to judged queries: what a tuner chooses among."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import Pruning
from sparse_index.config.search import BM25, MOST_SIDES, Fusion, SearchMode
from sparse_index.query.fusion import fused
from sparse_index.query.wish import default_mode
from sparse_index.relevance.exact import Ranked
from sparse_index.relevance.measures import DEPTH, NDCG, Judgements, measure
from sparse_index.relevance.tuner import Option, Values

CANDIDATES = (20, 50, 100, 200)
PRUNINGS = tuple(Pruning.model_validate({"type": "max_ratio", "value": share}) for share in (0.05, 0.1, 0.2, 0.3, 0.4))
# Weights are tried in steps of one by so much.
_STEPS = {2: 10, 3: 5, 4: 5}

# Query id -> what one side answers.
Answers = Mapping[str, Ranked]


@dataclass(frozen=True)
class Way:
    """`sides`: one is asked alone, then `fusion` and `candidates` say nothing."""

    sides: tuple[str, ...]
    fusion: Fusion
    candidates: int

    @property
    def name(self) -> str:
        if len(self.sides) == 1:
            return f"{self.sides[0]} alone"
        weights = self.fusion.weights
        shares = "" if weights is None else " " + "/".join(f"{weights[side]:g}" for side in self.sides)
        return f"{' + '.join(self.sides)}, {self.fusion.type}{shares}, {self.candidates} each"


def pruning_options(
    config: CorpusConfig,
    field: str,
    answers: Mapping[Pruning, Answers],
    sizes: Mapping[Pruning, float],
    judged: Judgements,
) -> list[Option]:
    """`sizes`: tokens a text; of no pruning, as they are stored."""
    key = f"vectors.{field}.encoder.pruning" if config.vectors else "encoder.pruning"
    stored = sizes[Pruning()]
    return [
        Option(
            name=f"{field} as it is stored" if pruning == Pruning() else f"{field} {pruning.type} {pruning.value:g}",
            cost=(sizes[pruning],),
            settings={} if pruning == Pruning() else {key: pruning.model_dump(mode="json")},
            values=ndcg(ids_of(found), judged),
            group=str(pruning),
            note=f"{sizes[pruning]:.1f} tokens, {sizes[pruning] / stored if stored else 1:.0%}",
        )
        for pruning, found in answers.items()
    ]


def way_options(
    config: CorpusConfig, sides: Mapping[str, Answers], models: Set[str], judged: Judgements
) -> tuple[list[Option], Option | None]:
    """(All options, the one that the corpus file says now; None where one of its sides is not among `sides`.) `models`: the
    sides whose queries a model encodes."""
    current = current_way(config, tuple(sides))
    ways = list(_ways(config, tuple(sides)))
    if current is not None and current not in ways:
        ways.append(current)
    options = [
        Option(
            name=way.name,
            cost=_cost(way, models),
            settings=_settings(config, way),
            values=ndcg(_asked(config, way, sides, judged), judged),
            group=" + ".join(way.sides),
            note=f"{len(models & set(way.sides))} models, {len(way.sides)} sides",
        )
        for way in ways
    ]
    return options, None if current is None else options[ways.index(current)]


def current_way(config: CorpusConfig, sides: Sequence[str]) -> Way | None:
    mode = default_mode(config)
    asked = config.sides if mode in (SearchMode.HYBRID, SearchMode.RERANK) else (_side_of(config, mode),)
    if not set(asked) <= set(sides):
        return None
    return _way([side for side in sides if side in asked], config.search.fusion, config.search.candidates)


def _way(sides: Sequence[str], fusion: Fusion, candidates: int) -> Way:
    """Of one side there is one way."""
    return Way(tuple(sides), fusion, candidates) if len(sides) > 1 else Way(tuple(sides), Fusion(), CANDIDATES[0])


def _side_of(config: CorpusConfig, mode: SearchMode) -> str:
    """Of a mode that asks one side: the first field of its kind."""
    if mode is SearchMode.BM25:
        return BM25
    return next(name for name, field in config.vector_fields.items() if field.kind == mode.value)


def _ways(config: CorpusConfig, sides: Sequence[str]) -> Iterator[Way]:
    """A side that no mode asks alone is asked beside others."""
    alone = {_side_of(config, mode) for mode in (SearchMode(field.kind) for field in config.vector_fields.values())} | {
        BM25
    }
    for side in sides:
        if side in alone:
            yield _way([side], Fusion(), CANDIDATES[0])
    for count in range(2, min(len(sides), MOST_SIDES) + 1):
        for some in combinations(sides, count):
            yield from (Way(some, fusion, most) for fusion in _fusions(some) for most in CANDIDATES)


def _fusions(sides: Sequence[str]) -> Iterator[Fusion]:
    yield Fusion()
    yield Fusion(type="min_max")
    steps = _STEPS.get(len(sides), 0)
    for parts in product(range(1, steps), repeat=len(sides)):
        if sum(parts) == steps and len(set(parts)) > 1:
            yield Fusion(type="min_max", weights={side: part / steps for side, part in zip(sides, parts, strict=True)})


def _cost(way: Way, models: Set[str]) -> tuple[float, ...]:
    """What a search waits for: models, sides, candidates; of fusions rrf is the one that does not change with shards."""
    is_scaled, is_weighted = way.fusion.type != "rrf", way.fusion.weights is not None
    return len(models & set(way.sides)), len(way.sides), way.candidates, is_scaled, is_weighted


def _settings(config: CorpusConfig, way: Way) -> dict[str, Any]:
    if len(way.sides) == 1:
        return {"search.mode": BM25 if way.sides[0] == BM25 else config.vector_fields[way.sides[0]].kind}
    mode = SearchMode.RERANK if default_mode(config) is SearchMode.RERANK else SearchMode.HYBRID
    fusion = way.fusion.model_dump(mode="json", exclude_none=True)
    return {
        "search.mode": mode.value,
        "search.sides": list(way.sides),
        "search.fusion": fusion if way.fusion.weights else way.fusion.type,
        "search.candidates": way.candidates,
    }


def _asked(
    config: CorpusConfig, way: Way, sides: Mapping[str, Answers], judged: Judgements
) -> dict[str, Sequence[str]]:
    if len(way.sides) == 1:
        return ids_of(sides[way.sides[0]])
    only_common = config.search.combine == "intersection"
    answers = {query: {side: sides[side][query][: way.candidates] for side in way.sides} for query in judged}
    return ids_of({query: fused(way.fusion, ranked, only_common=only_common) for query, ranked in answers.items()})


def ids_of(answers: Answers) -> dict[str, Sequence[str]]:
    return {query: [id_ for id_, _ in ranked[:DEPTH]] for query, ranked in answers.items()}


def ndcg(rankings: Mapping[str, Sequence[str]], judged: Judgements) -> Values:
    return measure(rankings, judged).values[NDCG]
