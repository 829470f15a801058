"""What the gate compares: an index with its books, a candidate or the live one, and what the two have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sparse_index.cluster.client import Cluster
from sparse_index.errors import BuildError
from sparse_index.live.attached import Attached, observe_attached
from sparse_index.live.meta import Meta, read_meta


@dataclass(frozen=True)
class Side:
    """One index: what it says of itself, and its aliases, settings and mapping."""

    index: str
    meta: Meta
    attached: Attached

    def mapping_of(self, field: str) -> Any:
        """Of a field, as the cluster has it; None where the index has no such field."""
        return self.attached.mapping.get("properties", {}).get(field)

    def compares_with(self, other: Side, field: str) -> bool:
        """Whether a vector field of the two is one field by one encoder, so that a document that did not change scores alike."""
        mapping = self.mapping_of(field)
        same_encoder = self.meta.fingerprint_of(field) == other.meta.fingerprint_of(field)
        return mapping is not None and mapping == other.mapping_of(field) and same_encoder


def side_of(cluster: Cluster, index: str) -> Side:
    """BuildError for an index that is not there, or that this package did not make."""
    meta = read_meta(cluster, index)
    if meta is None:
        raise BuildError(
            f"{index} is not there, or has no `_meta` of this package: name an index that a build has made."
        )
    return Side(index, meta, observe_attached(cluster, index))
