"""Settings of the cluster that apply, and requests that set them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from sparse_index.cluster.client import Cluster, Json, flat


def put_request(settings: Mapping[str, Any]) -> str:
    """The request that sets `settings`, as a person types it."""
    return f"PUT /_cluster/settings {as_json({'persistent': dict(settings)})}"


def effective_settings(cluster: Cluster, section: str) -> dict[str, str]:
    """Full name -> value that applies, of everything below `section`; transient wins over persistent over default."""
    # Not with `flat_settings`: then `filter_path` matches nothing and the answer is empty.
    answer: Json = cluster.get("/_cluster/settings", include_defaults="true", filter_path=f"*.{section}")
    levels = (flat(answer.get(level, {})) for level in ("defaults", "persistent", "transient"))
    return {name: value for level in levels for name, value in level.items()}


def has_ml_node(cluster: Cluster) -> bool:
    nodes: Json = cluster.get("/_nodes/os", filter_path="nodes.*.roles").get("nodes", {})
    return any("ml" in node.get("roles", []) for node in nodes.values())


def as_json(body: Json) -> str:
    return orjson.dumps(body).decode()
