"""How often chance misleads the gate's verdict over golden queries: `PYTHONPATH=include python bench/verdicts.py --draws 3000`.

Golden sets are drawn whose d (nDCG@10 of the candidate minus that of the live index) has one of two shapes and a known mean. A
line for each shape and number of queries: in how many of a hundred sets a candidate that is worse by just `gate.max_drop` passed,
an equal one was refused, and one that is worse by 0.1 was refused.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence

from sparse_index.builds.check import Verdict
from sparse_index.config.gate import GateConfig
from sparse_index.relevance.compare import compare
from sparse_index.relevance.measures import JUDGED, MEASURES, Measured

QUERIES = (10, 25, 50, 100, 200)
Shape = Callable[[random.Random], float]


def another_encoder(draw: random.Random) -> float:
    """Some 15 % zeros, standard deviation .19, as seen between two equally good encoders."""
    return 0.0 if draw.random() < 0.15 else draw.gauss(0, 0.2)


def the_same_encoder(draw: random.Random) -> float:
    """85 % zeros, some swaps, a few queries with a great loss or gain."""
    if draw.random() < 0.85:
        return 0.0
    return draw.choice((-1, 1)) * (draw.uniform(0.2, 0.6) if draw.random() < 0.2 else draw.uniform(0.01, 0.1))


def measured(values: Sequence[float], judged: float = 0.8) -> Measured:
    """The same figure of every measure, query by query."""
    ids = [f"q{number:03d}" for number in range(len(values))]
    of_query = dict(zip(ids, values, strict=True))
    return Measured({name: dict.fromkeys(ids, judged) if name == JUDGED else of_query for name in MEASURES})


def shares(shape: Shape, mean: float, count: int, draws: int, max_drop: float) -> dict[str, float]:
    """Verdict -> its share of so many golden sets of `count` queries, drawn where the true mean of d is `mean`."""
    draw, live = random.Random(7), measured([0.5] * count)
    verdicts = [
        compare(live, measured([0.5 + shape(draw) + mean for _ in range(count)]), max_drop=max_drop).verdict
        for _ in range(draws)
    ]
    return {verdict: verdicts.count(verdict) / draws for verdict in Verdict}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=3_000)
    draws = parser.parse_args(arguments).draws
    drop = GateConfig().max_drop
    print(
        f"{'d as of':<20}{'queries':>8}{f'worse by {drop:g} passed':>24}{'equal refused':>16}{'worse by 0.1 refused':>24}"
    )
    for shape in (another_encoder, the_same_encoder):
        for count in QUERIES:
            worse, equal, much = (shares(shape, mean, count, draws, drop) for mean in (-drop, 0.0, -0.1))
            name = shape.__name__.replace("_", " ")
            print(f"{name:<20}{count:>8}{worse['pass']:>24.1%}{equal['fail']:>16.1%}{much['fail']:>24.1%}", flush=True)


if __name__ == "__main__":
    main()
