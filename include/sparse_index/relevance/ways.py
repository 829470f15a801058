"""The ways in which one corpus can be searched, each with its answers to judged queries: what a tuner chooses among."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import PruneType, Pruning
from sparse_index.config.search import BM25, MOST_SIDES, Fusion, SearchMode
from sparse_index.query.fusion import Ranked, fused
from sparse_index.query.wish import default_mode
from sparse_index.relevance.measures import DEPTH, NDCG, Judgements, measure
from sparse_index.relevance.tuner import Option, Values

CANDIDATES = (20, 50, 100, 200)
FUSING = (SearchMode.HYBRID, SearchMode.RERANK)
_RATIOS = (0.05, 0.1, 0.2, 0.3, 0.4)
# Weights are tried in steps of one by so much.
_STEPS = {2: 10, 3: 5, 4: 5}

# Query id -> what one side answers.
Answers = Mapping[str, Ranked]


@dataclass(frozen=True)
class Way:
    """`sides`: one is asked alone, then `fusion` says nothing, and `candidates` only how many are re-ranked."""

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


def prunings(stored: Pruning) -> list[Pruning]:
    """None, which leaves vectors as they are stored, and those that give of these what they would have made of the model's."""
    least = {PruneType.NONE: 0.0, PruneType.MAX_RATIO: stored.value or 0.0}.get(stored.type, 1.0)
    return [Pruning(), *(Pruning(type=PruneType.MAX_RATIO, value=share) for share in _RATIOS if share > least)]


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
    config: CorpusConfig, ways: Sequence[Way], sides: Mapping[str, Answers], models: Set[str], judged: Judgements
) -> list[Option]:
    """One for each way, before any re-ranker: see `settings` for what each asks of the corpus file. `models`: the sides whose
    queries a model encodes."""
    return [
        Option(
            name=way.name,
            cost=_cost(way, models),
            settings={},
            values=ndcg(_asked(config, way, sides, judged), judged),
            group=" + ".join(way.sides),
            note=f"{len(models & set(way.sides))} models, {len(way.sides)} sides",
        )
        for way in ways
    ]


def current_way(config: CorpusConfig) -> Way:
    """What the corpus file says now."""
    mode = default_mode(config)
    if mode not in FUSING:
        return _alone(config, _side_of(config, mode))
    sides = _in_order(config, config.sides)
    return Way(sides, config.search.fusion, config.search.candidates) if len(sides) > 1 else _alone(config, sides[0])


def possible_ways(config: CorpusConfig, sides: Sequence[str]) -> list[Way]:
    """Of these sides; what is asked now is among them, unless a side of it is missing. One that no mode asks alone is asked
    beside others."""
    now = current_way(config)
    ways = [way for side in sides if mode_of(config, way := _alone(config, side))]
    for count in range(2, min(len(sides), MOST_SIDES) + 1):
        for some in combinations(sides, count):
            ways += [Way(some, fusion, most) for fusion in _fusions(some) for most in CANDIDATES]
    return [*ways, now] if set(now.sides) <= set(sides) and now not in ways else ways


def _alone(config: CorpusConfig, side: str) -> Way:
    """As the corpus file says, but for weights of other sides."""
    fusion = config.search.fusion
    fits = fusion.weights is None or set(fusion.weights) == {side}
    return Way((side,), fusion if fits else Fusion(), config.search.candidates)


def mode_of(config: CorpusConfig, way: Way) -> SearchMode | None:
    """The one that asks so without re-ranking; None for one side alone that is not the first field of its kind."""
    if len(way.sides) > 1:
        return SearchMode.HYBRID
    (side,) = way.sides
    mode = SearchMode.BM25 if side == BM25 else SearchMode(config.vector_fields[side].kind)
    return mode if _side_of(config, mode) == side else None


def _side_of(config: CorpusConfig, mode: SearchMode) -> str:
    """Of a mode that asks one side: the first field of its kind."""
    if mode is SearchMode.BM25:
        return BM25
    return next(name for name, field in config.vector_fields.items() if field.kind == mode.value)


def _in_order(config: CorpusConfig, sides: Sequence[str]) -> tuple[str, ...]:
    return tuple(side for side in (BM25, *config.vector_fields) if side in sides)


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


def settings(config: CorpusConfig, way: Way, *, reranks: bool) -> dict[str, Any]:
    """What the corpus file has to say of searching so, as far as it says otherwise; full name of a key -> value."""
    search, mode = config.search, SearchMode.RERANK if reranks else mode_of(config, way)
    now = _spelled(default_mode(config), Way(_in_order(config, config.sides), search.fusion, search.candidates))
    wanted = _spelled(mode, way) if mode in FUSING else {"search.mode": mode}
    return {key: value for key, value in wanted.items() if value != now[key]}


def asking(config: CorpusConfig, way: Way) -> CorpusConfig:
    """The corpus as it would be asked so, in a mode that fuses or re-ranks."""
    update = {"sides": way.sides, "fusion": way.fusion, "candidates": way.candidates}
    return config.model_copy(update={"search": config.search.model_copy(update=update)})


def _spelled(mode: SearchMode | None, way: Way) -> dict[str, Any]:
    fusion = way.fusion.model_dump(mode="json", exclude_none=True)
    return {
        "search.mode": mode,
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
