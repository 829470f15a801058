"""Stores in so few lots that all can be asked at once: one that hangs takes its lot alone along."""

from __future__ import annotations

from collections.abc import Sequence

from sparse_index.console.listed import Listed

LOTS = 16


def lots_of(wanted: Sequence[Listed]) -> dict[str, list[Listed]]:
    """All corpora of a store are in one lot."""
    stores = sorted({each.store for each in wanted})
    lots: dict[str, list[Listed]] = {}
    for each in wanted:
        lots.setdefault(f"stores {stores.index(each.store) % LOTS}", []).append(each)
    return lots
