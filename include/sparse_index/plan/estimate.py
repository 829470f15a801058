"""How long a build will take, from what former builds of the alias took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparse_index.config.corpus import CorpusConfig
from sparse_index.plan import parts
from sparse_index.plan.difference import Changes
from sparse_index.plan.observed import Observed


def expected_seconds(seen: Observed, changes: Changes) -> float | None:
    """Encoding (as many tasks at once as may and as there are) plus indexing; None when no receipt knows the speed of what has to
    be done."""
    encoders = set(seen.fingerprints.values())
    same_encoders = [receipt for receipt in seen.receipts if _encoders(receipt) == encoders]
    texts, config = changes.counts.texts_to_encode, seen.config
    encode = _seconds(texts, same_encoders, "encode", ("encoded",))
    index = _seconds(changes.writes, seen.receipts, "index", ("indexed", "deleted"))
    if encode is None or index is None:
        return None
    return encode / _tasks(config, texts) + index


def _tasks(config: CorpusConfig, texts: int) -> int:
    """That encode at once: no more than may, nor than there are parts."""
    return max(1, min(config.encoder.parallel_tasks, config.source.max_shards, -(-texts // parts.PART_ITEMS)))


def _encoders(receipt: Mapping[str, Any]) -> set[Any]:
    """By fingerprint; a receipt tells the second and further ones where there are any."""
    return {receipt.get("fingerprint"), *(receipt.get("fingerprints") or {}).values()}


def _seconds(items: int, receipts: Sequence[Mapping[str, Any]], stage: str, counted: tuple[str, ...]) -> float | None:
    """Seconds of one task after another at the speed of all receipts together: a day of ten texts says little of a million."""
    if items == 0:
        return 0.0
    numbers = [receipt.get(stage) or {} for receipt in receipts]
    done = sum(each.get(name) or 0 for each in numbers for name in counted)
    seconds = sum(each.get("seconds") or 0 for each in numbers)
    return float(items * seconds / done) if done > 0 and seconds > 0 else None
