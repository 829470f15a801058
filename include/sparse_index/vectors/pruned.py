"""Stored sparse vectors as another pruning would have kept them, many at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from sparse_index.config.encoder import PruneType, Pruning


@dataclass(frozen=True)
class _Flat:
    """The weights of all rows one after another, the largest of a row first; `starts`: of each row, and where the last ends."""

    weights: np.ndarray
    starts: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        sizes: np.ndarray = np.diff(self.starts)
        return sizes

    def of_rows(self, values: np.ndarray) -> np.ndarray:
        """One value a row -> one a weight."""
        return np.repeat(values, self.sizes)

    def places(self) -> np.ndarray:
        """Of each weight in its row, from 0."""
        places: np.ndarray = np.arange(len(self.weights)) - self.of_rows(self.starts[:-1])
        return places

    def largest(self) -> np.ndarray:
        firsts = np.zeros(len(self.sizes))
        firsts[self.sizes > 0] = self.weights[self.starts[:-1][self.sizes > 0]]
        return self.of_rows(firsts)

    def masses(self) -> tuple[np.ndarray, np.ndarray]:
        """(The sum of a row up to each weight, of the whole row at each weight.)"""
        sums = np.concatenate([[0.0], np.cumsum(self.weights)])
        before, ends = self.of_rows(sums[self.starts[:-1]]), self.of_rows(sums[self.starts[1:]])
        return sums[1:] - before, ends - before


def pruned(stored: pa.RecordBatch, pruning: Pruning) -> pa.RecordBatch:
    """As `sparse.prune` does it vector by vector; nothing comes back that was pruned when it was stored. Other columns stay."""
    if pruning.value is None:
        return stored
    tokens, weights = stored["tokens"], stored["weights"]
    starts = tokens.offsets.to_numpy() - tokens.offsets[0].as_py()
    flat = _Flat(weights.flatten().to_numpy().astype(np.float64), starts)
    kept = _KEPT[pruning.type](flat, pruning.value) | (flat.places() == 0)
    ends = np.concatenate([[0], np.cumsum(kept)])[starts]
    columns = {name: _list(stored[name].flatten().filter(pa.array(kept)), ends) for name in ("tokens", "weights")}
    return pa.RecordBatch.from_pydict({name: stored[name] for name in stored.schema.names} | columns)


def _list(values: pa.Array, ends: np.ndarray) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values)


def _by_mass(flat: _Flat, value: float) -> np.ndarray:
    so_far, whole = flat.masses()
    kept: np.ndarray = so_far <= value * whole
    return kept


_KEPT: Mapping[PruneType, Callable[[_Flat, float], np.ndarray]] = MappingProxyType(
    {
        PruneType.TOP_K: lambda flat, value: flat.places() < value,
        PruneType.ABS_VALUE: lambda flat, value: flat.weights >= value,
        PruneType.MAX_RATIO: lambda flat, value: flat.weights >= value * flat.largest(),
        PruneType.ALPHA_MASS: _by_mass,
    }
)
