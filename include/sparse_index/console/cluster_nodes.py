"""A cluster and its nodes: names and numbers only, no setting that may hold a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sparse_index.cluster.client import Cluster
from sparse_index.cluster.disks import needed_bytes
from sparse_index.cluster.settings import effective_settings
from sparse_index.console.fields import at, count, lines, number, text

_DISK = "cluster.routing.allocation.disk"
_VECTORS_BREAKER = "knn.circuit_breaker.triggered"
# The highest first.
LEVELS = ("flood_stage", "high", "low")


@dataclass(frozen=True)
class Health:
    """`status`: green, yellow or red."""

    status: str
    nodes: int | None
    shards: int | None
    unassigned: int | None
    waiting_tasks: int | None


@dataclass(frozen=True)
class Breaker:
    """Bytes that are reserved, of those that may be; `tripped`: how often it refused since the node started."""

    name: str
    used: int | None
    limit: int | None
    tripped: int


@dataclass(frozen=True)
class Node:
    """Bytes; `breakers`: those that refused something."""

    id: str
    name: str
    roles: tuple[str, ...]
    heap_used: int | None
    heap_max: int | None
    disk_total: int | None
    disk_free: int | None
    breakers: tuple[Breaker, ...]

    @property
    def heap_percent(self) -> float | None:
        return 100 * self.heap_used / self.heap_max if self.heap_used is not None and self.heap_max else None

    @property
    def disk_percent(self) -> float | None:
        if self.disk_free is None or not self.disk_total:
            return None
        return 100 * (1 - self.disk_free / self.disk_total)


@dataclass(frozen=True)
class Limits:
    """`watermarks`: level -> share of the disk or bytes, as the cluster says it; none where the cluster does not heed them.
    `vectors_refused`: whether dense vectors are refused for want of memory."""

    watermarks: Mapping[str, str]
    vectors_refused: bool

    def over(self, node: Node) -> str | None:
        """The highest watermark that the node's disk is over."""
        if "data" not in node.roles or node.disk_free is None or node.disk_total is None:
            return None
        total, free = node.disk_total, node.disk_free
        return next((level for level in LEVELS if free < needed_bytes(self.watermarks.get(level, ""), total)), None)


def health(cluster: Cluster) -> Health:
    answer = cluster.get("/_cluster/health")
    names = ("number_of_nodes", "active_shards", "unassigned_shards", "number_of_pending_tasks")
    return Health(text(answer, "status") or "?", *(count(answer, name) for name in names))


def nodes(cluster: Cluster) -> list[Node]:
    """By name."""
    wanted = ("name", "roles", "jvm.mem.heap_*_in_bytes", "fs.total", "breakers")
    answer = cluster.get("/_nodes/stats/jvm,fs,breaker", filter_path=",".join(f"nodes.*.{name}" for name in wanted))
    found = (_node(node_id, body) for node_id, body in (at(answer, "nodes") or {}).items())
    return sorted(found, key=lambda node: (node.name, node.id))


def _node(node_id: str, body: Any) -> Node:
    return Node(
        node_id,
        text(body, "name") or "?",
        tuple(sorted(lines(body, "roles"))),
        count(body, "jvm", "mem", "heap_used_in_bytes"),
        count(body, "jvm", "mem", "heap_max_in_bytes"),
        count(body, "fs", "total", "total_in_bytes"),
        count(body, "fs", "total", "available_in_bytes"),
        tuple(_breaker(name, each) for name, each in (at(body, "breakers") or {}).items() if number(each, "tripped")),
    )


def _breaker(name: str, body: Any) -> Breaker:
    used, limit = count(body, "estimated_size_in_bytes"), count(body, "limit_size_in_bytes")
    return Breaker(name, used, limit, count(body, "tripped") or 0)


def limits(cluster: Cluster) -> Limits:
    disk, vectors = effective_settings(cluster, _DISK), effective_settings(cluster, "knn.circuit_breaker")
    heeded = disk.get(f"{_DISK}.threshold_enabled") != "false"
    found = {level: disk.get(f"{_DISK}.watermark.{level}") for level in LEVELS}
    return Limits(
        {level: said for level, said in found.items() if said and heeded}, vectors.get(_VECTORS_BREAKER) == "true"
    )
