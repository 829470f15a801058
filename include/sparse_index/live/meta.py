"""What an index says about itself: `_meta` of its mapping, at most 4 KB because it lives in the cluster state."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field, ValidationError

from sparse_index.addresses import public_address
from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster, Json
from sparse_index.values import Frozen


class Meta(Frozen):
    """`manifest` and `receipt` are paths in `store`; `documents` is the count that reconcile proved. `data_date`: the
    newest day that a feed's index has seen. `fingerprint`: of the encoder of the first vector field; `fingerprints`: of each
    field's, by its name (empty where a former version, which had one, wrote it).

    `promoted_at`: when the alias first came to this index. It tells a generation (kept for a rollback) from a
    candidate that never went live. `withdrawn_at`: when a rollback took the alias away from it; "the previous
    generation" is never such a one. `source_version`: which version of a table it was built from.
    """

    alias: str
    build_id: str
    state: Literal["building", "complete"]
    data_date: date
    fingerprint: str
    document_hash: str
    store: str
    manifest: str
    receipt: str
    documents: int | None = None
    delta_builds: int = 0
    promoted_at: datetime | None = None
    withdrawn_at: datetime | None = None
    fingerprints: dict[str, str] = Field(default_factory=dict)
    source_version: str | None = None

    def fingerprint_of(self, field: str) -> str:
        """Of the encoder of a vector field."""
        return self.fingerprints.get(field, self.fingerprint)

    @property
    def encoders(self) -> frozenset[str]:
        """The fingerprints of the encoders whose vectors are in the index."""
        return frozenset({self.fingerprint, *self.fingerprints.values()})


def meta_of(plan: Plan) -> Meta:
    """The `_meta` of a candidate whose documents are still being written."""
    return Meta(
        alias=plan.alias,
        build_id=plan.build_id,
        state="building",
        data_date=plan.data_date,
        fingerprint=plan.fingerprint,
        fingerprints=plan.fingerprints,
        document_hash=plan.config.document_hash(),
        store=public_address(plan.config.store),
        manifest=f"{plan.folder}/manifest-final.parquet",
        receipt=f"{plan.folder}/receipt.json",
        source_version=plan.source_version,
    )


def read_meta(cluster: Cluster, index: str) -> Meta | None:
    """The `_meta` of `index`; None when the index is gone or does not carry ours."""
    answer: Json = cluster.find(f"/{index}/_mapping") or {}
    raw: Json = answer.get(index, {}).get("mappings", {}).get("_meta", {})
    try:
        return Meta.model_validate(raw.get("sparse_index", {}))
    except ValidationError:
        return None


def write_meta(cluster: Cluster, index: str, meta: Meta) -> None:
    """Replace `_meta` of `index` as a whole; works on a write-blocked index too."""
    body = {"_meta": {"sparse_index": meta.model_dump(mode="json")}}
    cluster.put(f"/{index}/_mapping", body)
