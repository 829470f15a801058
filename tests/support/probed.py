"""What models of either kind say of some texts, made up."""

from __future__ import annotations

import random

import numpy as np

from sparse_index.vectors.dense import dense_kind
from sparse_index.vectors.kind import VectorKind
from sparse_index.vectors.probe import Probe

DENSE = dense_kind(4, "cosinesimil")
COUNT = 12


def output(kind: VectorKind, number: int, scale: float = 1.0) -> object:
    """What a model of that kind says of text `number`."""
    chance = random.Random(number)
    if kind is DENSE:
        return np.array([scale * chance.uniform(-1, 1) for _ in range(4)], dtype=np.float32)
    tokens = [f"word{chance.randrange(1_000)}" for _ in range(6)]
    return {token: scale * chance.uniform(0.1, 3) for token in tokens} | {f"text{number}": scale * 2.0}


def probes(kind: VectorKind, outputs: list[object]) -> list[Probe]:
    return [
        Probe(f"hash{number}", "x" * (number + 1), of_corpus=False, vector=kind.likeness.whole(said))
        for number, said in enumerate(outputs)
    ]
