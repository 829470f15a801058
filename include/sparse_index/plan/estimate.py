"""How long a build will take, from what former builds of the alias took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparse_index.plan.difference import Changes
from sparse_index.plan.observed import Observed


def expected_seconds(seen: Observed, changes: Changes) -> float | None:
    """Encoding plus indexing; None when no receipt knows the speed of what has to be done."""
    fingerprint = seen.fingerprints[seen.config.index.vector_field]
    same_encoder = [receipt for receipt in seen.receipts if receipt.get("fingerprint") == fingerprint]
    encode = _seconds(changes.counts.texts_to_encode, same_encoder, "encode", ("encoded",))
    index = _seconds(changes.writes, seen.receipts, "index", ("indexed", "deleted"))
    if encode is None or index is None:
        return None
    return encode / seen.config.encoder.parallel_tasks + index


def _seconds(items: int, receipts: Sequence[Mapping[str, Any]], stage: str, counted: tuple[str, ...]) -> float | None:
    """Seconds of one task after another at the speed of the newest receipt that has done any."""
    if items == 0:
        return 0.0
    for receipt in receipts:
        numbers = receipt.get(stage) or {}
        done, seconds = sum(numbers.get(name) or 0 for name in counted), numbers.get("seconds") or 0
        if done > 0 and seconds > 0:
            return float(items * seconds / done)
    return None
