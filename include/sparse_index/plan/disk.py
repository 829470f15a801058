"""The disk a build may need in the cluster, and whether it is there."""

from __future__ import annotations

from collections.abc import Iterable

from sparse_index.builds.plan import Counts
from sparse_index.cluster.client import Cluster, Json
from sparse_index.cluster.disks import NodeDisk, data_disks, needed_bytes
from sparse_index.cluster.settings import effective_settings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError

_DISK = "cluster.routing.allocation.disk"
_LARGE_SHARD_BYTES = 50 * 2**30


def index_bytes(cluster: Cluster, index: str) -> int:
    """Size of the index's primaries."""
    answer: Json = cluster.get(f"/{index}/_stats/store", filter_path="_all.primaries.store.size_in_bytes")
    return int(answer.get("_all", {}).get("primaries", {}).get("store", {}).get("size_in_bytes", 0))


def candidate_bytes(config: CorpusConfig, counts: Counts, live_bytes: int) -> int:
    """The most that the candidate can need: a whole copy for each primary and replica.

    A clone shares its files with the live index, but a merge or a moved shard makes them its own, and OpenSearch itself
    places a clone only where a whole copy has room.
    """
    live_documents = counts.documents - counts.new + counts.deleted
    growth = counts.documents / live_documents if live_documents else 1.0
    return int(live_bytes * max(growth, 1.0)) * (1 + config.index.replicas)


def usable_bytes(disks: Iterable[NodeDisk], high_watermark: str) -> int:
    """What the data nodes can still take before the high disk watermark stops allocation."""
    return int(sum(max(0.0, disk.available - needed_bytes(high_watermark, disk.total)) for disk in disks))


def require_disk(cluster: Cluster, config: CorpusConfig, needed: int) -> None:
    """BuildError when the cluster has not that many bytes left."""
    settings = effective_settings(cluster, _DISK)
    if settings.get(f"{_DISK}.threshold_enabled") == "false":
        return
    usable = usable_bytes(data_disks(cluster), settings.get(f"{_DISK}.watermark.high", ""))
    if needed > usable:
        raise BuildError(
            f"The candidate of '{config.alias}' may need {readable_bytes(needed)} (a whole copy of the live index for each "
            f"primary and replica), the data nodes have {readable_bytes(usable)} left below the high disk watermark. Free "
            "disk, add a node, or lower index.replicas or retention.generations."
        )


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
