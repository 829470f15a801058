"""The disk a build may need in the cluster, and what of it is there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sparse_index.cluster.disks import NodeDisk, needed_bytes
from sparse_index.config.corpus import CorpusConfig

if TYPE_CHECKING:  # DuckDB is not needed where only disks are looked at
    from sparse_index.plan.difference import Changes

_LARGE_SHARD_BYTES = 50 * 2**30


def candidate_bytes(config: CorpusConfig, changes: Changes, live_bytes: int) -> int:
    """The most that the candidate can need: a whole copy for each primary and replica.

    A clone shares its files with the live index, but a merge or a moved shard makes them its own, and OpenSearch itself
    places a clone only where a whole copy has room.
    """
    before = changes.documents_before
    growth = changes.counts.documents / before if before else 1.0
    return int(live_bytes * max(growth, 1.0)) * (1 + config.index.replicas)


def usable_bytes(disks: Iterable[NodeDisk], high_watermark: str) -> int:
    """What the data nodes can still take before the high disk watermark stops allocation."""
    return int(sum(max(0.0, disk.available - needed_bytes(high_watermark, disk.total)) for disk in disks))


def large_shard_note(config: CorpusConfig, live_bytes: int) -> list[str]:
    """A warning for shards too large to search and move well; a new shard count needs a full build."""
    if live_bytes / config.index.shards <= _LARGE_SHARD_BYTES:
        return []
    each = readable_bytes(live_bytes // config.index.shards)
    return [f"shards hold {each} each, more than is good: raise index.shards (the next build is then a full one)"]


def readable_bytes(count: int) -> str:
    value, unit = float(count), "B"
    for larger in ("KB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
