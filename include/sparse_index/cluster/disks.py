"""Disks of the data nodes, and what watermarks leave of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sparse_index.cluster.client import Cluster, Json

_UNITS = {"b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40, "pb": 2**50}


@dataclass(frozen=True)
class NodeDisk:
    """Bytes of one data node's disk."""

    name: str
    total: int
    available: int

    @property
    def used_percent(self) -> float:
        return 100 * (1 - self.available / self.total)


def data_disks(cluster: Cluster) -> list[NodeDisk]:
    answer: Json = cluster.get("/_nodes/stats/fs", filter_path="nodes.*.name,nodes.*.roles,nodes.*.fs.total")
    return [
        NodeDisk(node["name"], node["fs"]["total"]["total_in_bytes"], node["fs"]["total"]["available_in_bytes"])
        for node in answer.get("nodes", {}).values()
        if "data" in node.get("roles", []) and node.get("fs", {}).get("total", {}).get("total_in_bytes")
    ]


def needed_bytes(watermark: str, total: int) -> float:
    """The bytes that must stay free under a watermark: "85%" of `total` used, 0.85, or free bytes such as "500mb"."""
    text = watermark.strip().lower()
    if match := re.fullmatch(r"([\d.]+)(%?)", text):
        used = float(match[1]) / 100 if match[2] else float(match[1])
        return total * (1 - used)
    if match := re.fullmatch(r"([\d.]+)(b|kb|mb|gb|tb|pb)", text):
        return float(match[1]) * _UNITS[match[2]]
    return 0.0
