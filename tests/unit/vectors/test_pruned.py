"""Pruning many stored vectors at once keeps what pruning each by itself keeps."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from sparse_index.config.encoder import Pruning
from sparse_index.vectors.pruned import pruned
from sparse_index.vectors.sparse import sparse_kind, sparse_vector

KIND = sparse_kind(Pruning())
# Weights that float32 holds as they are: what is compared with a share of the largest is the same in both ways.
WEIGHTS = [step / 64 for step in range(1, 200)]


def drawn(rows: int) -> dict[str, dict[str, float]]:
    draw = random.Random(3)
    sizes = [0, 1, *(draw.randrange(0, 40) for _ in range(rows - 2))]
    return {f"h{row}": {f"t{n}": draw.choice(WEIGHTS) for n in range(size)} for row, size in enumerate(sizes)}


@pytest.mark.parametrize("first", [0, 17])
@pytest.mark.parametrize(
    "pruning",
    [
        Pruning(),
        Pruning(type="max_ratio", value=0.25),
        Pruning(type="abs_value", value=0.75),
        Pruning(type="top_k", value=5),
        Pruning(type="alpha_mass", value=0.6),
        Pruning(type="alpha_mass", value=0.0),
    ],
    ids=str,
)
def test_each_row_is_pruned_as_by_itself(pruning: Pruning, first: int) -> None:
    texts = drawn(60)
    whole = KIND.table({name: sparse_vector(weights, Pruning()) for name, weights in texts.items()})
    (stored,) = whole.combine_chunks().slice(first).to_batches()
    expected = {name: sparse_vector(weights, pruning) for name, weights in list(texts.items())[first:]}
    found = pruned(stored, pruning)
    assert pa.Table.from_batches([found]).to_pylist() == KIND.table(expected).to_pylist()
