"""How long a build will take, from what former builds of the alias took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sparse_index.builds.plan import Counts
from sparse_index.builds.receipt import read_receipt
from sparse_index.config.corpus import CorpusConfig
from sparse_index.store.files import Store
from sparse_index.store.layout import builds_folder

RECEIPTS_READ = 10


def expected_seconds(
    store: Store, config: CorpusConfig, fingerprint: str, counts: Counts, operations: int
) -> float | None:
    """Encoding plus indexing; None when no receipt knows the speed of what has to be done."""
    receipts = list(_newest_receipts(store, config.alias))
    same_encoder = [receipt for receipt in receipts if receipt.get("fingerprint") == fingerprint]
    encode = _seconds(counts.texts_to_encode, same_encoder, "encode", ("encoded",))
    index = _seconds(operations, receipts, "index", ("indexed", "deleted"))
    if encode is None or index is None:
        return None
    return encode / config.encoder.parallel_tasks + index


def _newest_receipts(store: Store, alias: str) -> Iterator[dict[str, Any]]:
    paths = store.files(builds_folder(alias), "/receipt.json")
    for path in reversed(paths[-RECEIPTS_READ:]):
        yield read_receipt(store, path)


def _seconds(items: int, receipts: list[dict[str, Any]], stage: str, counted: tuple[str, ...]) -> float | None:
    """Seconds of one task after another at the speed of the newest receipt that has done any."""
    if items == 0:
        return 0.0
    for receipt in receipts:
        numbers = receipt.get(stage) or {}
        done, seconds = sum(numbers.get(name) or 0 for name in counted), numbers.get("seconds") or 0
        if done > 0 and seconds > 0:
            return float(items * seconds / done)
    return None
