"""Whether there is room: disk for a new index, a free place for a model on every node that would hold it."""

from __future__ import annotations

from sparse_index.cluster.client import Cluster, Json
from sparse_index.cluster.cores import model_nodes
from sparse_index.cluster.disks import NodeDisk, data_disks, needed_bytes
from sparse_index.cluster.settings import effective_settings
from sparse_index.errors import UnavailableError
from sparse_index.ml.sources import SECTION
from sparse_index.ml.states import MODEL_HELD
from sparse_index.names import group_prefix
from sparse_index.preflight.findings import Findings

_DISK = "cluster.routing.allocation.disk"


def check_disk(findings: Findings, cluster: Cluster) -> None:
    settings = effective_settings(cluster, _DISK)
    if settings.get(f"{_DISK}.threshold_enabled") == "false":
        return
    low, high = (settings.get(f"{_DISK}.watermark.{level}", "") for level in ("low", "high"))
    disks = data_disks(cluster)
    full = [disk for disk in disks if disk.available < needed_bytes(high, disk.total)]
    if disks and len(full) == len(disks):
        findings.problem(
            f"Every data node is over the high disk watermark ({high}): {_usage(full)}. No new shard can be placed. "
            "Free disk space or add a node.",
            UnavailableError,
        )
        return
    nearly = [disk for disk in disks if disk.available < needed_bytes(low, disk.total)]
    if nearly:
        findings.warning(f"Over the low disk watermark ({low}), so no replica goes there: {_usage(nearly)}.")


def _usage(disks: list[NodeDisk]) -> str:
    return ", ".join(f"{disk.name} {disk.used_percent:.1f}% used" for disk in disks)


def check_model_places(findings: Findings, cluster: Cluster, wanted: int) -> None:
    """A deployment goes to every eligible node: one full node is enough to make it fail. `wanted`: models that a build deploys
    at once. A warning: on most days a build deploys none, and what holds the places may be other builds' for minutes."""
    settings = effective_settings(cluster, SECTION)
    limit = int(settings.get(f"{SECTION}.max_model_on_node", "10"))
    held = models_held(cluster)
    counts = {each.name: held.get(node, 0) for node, each in model_nodes(cluster).items()}
    full = [f"{name} ({count})" for name, count in counts.items() if count + wanted > limit]
    if full:
        models = "another model" if wanted == 1 else f"{wanted} more models"
        findings.warning(
            f"No room for {models} on {', '.join(full)}: plugins.ml_commons.max_model_on_node is {limit}. In Airflow a run "
            "with texts to encode waits in `wait_deployed` for other runs to delete theirs, then fails. Add a node, raise "
            "that setting, or undeploy what nobody uses (GET /_plugins/_ml/profile/models lists them); a model in a group "
            f"{group_prefix('<alias>')}<build> is that build's."
        )


def models_held(cluster: Cluster) -> dict[str, int]:
    """Node id -> how many models it has in memory or is loading."""
    nodes: Json = cluster.get("/_plugins/_ml/profile/models").get("nodes", {})
    return {
        node: sum(model.get("model_state") in MODEL_HELD for model in body.get("models", {}).values())
        for node, body in nodes.items()
    }
