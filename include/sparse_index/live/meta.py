"""What an index says about itself: `_meta` of its mapping, at most 4 KB because it lives in the cluster state."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from sparse_index.addresses import public_address
from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster, Json
from sparse_index.errors import BuildError
from sparse_index.forms import FIRST, Form
from sparse_index.store.layout import final_manifest_path, receipt_path
from sparse_index.values import Frozen


class Meta(Frozen):
    """`manifest` and `receipt` are paths in `store`; `documents` is the count that reconcile proved. `data_date`: the
    newest day that a feed's index has seen. `fingerprint`: of the encoder of the first vector field; `fingerprints`: of each
    field's, by its name (empty where a former version, which had one, wrote it).

    `promoted_at`: when the alias first came to this index. It tells a generation (kept for a rollback) from a
    candidate that never went live. `withdrawn_at`: when a rollback took the alias away from it; "the previous
    generation" is never such a one. `source_version`: which version of a table it was built from.

    What a later version of the package says beyond that stays when this one writes it again, and it stays a `_meta` of that
    version. What each reader does with one of a later form:

        plan      stops: it would take the difference for less than it is. A snapshot may be built anew with mode full
        promote, rollback, retire, preflight   go on: alias, build, state, marks and count mean what they always did. So the
                  way back is open; a rollback *to* such an index says which version has to go on from it
        janitor, forget   leave the corpus alone: nobody here knows what else the index needs, or holds
    """

    model_config = ConfigDict(extra="allow")

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
    form: int = FIRST
    written_by: str | None = None

    @property
    def is_later(self) -> bool:
        return META.is_later(dict(self))

    def require_known(self, index: str) -> None:
        """`BuildError` when only a later version knows all that it says."""
        META.require_known(dict(self), index)

    def require_never_live(self, index: str) -> None:
        """`BuildError` when the alias was on `index` once: what took it away is not undone by a task that is cleared."""
        if self.promoted_at is not None:
            raise BuildError(
                f"{index} was live before, and the alias of '{self.alias}' was moved away from it. Nothing was changed. To have "
                f"it live again roll back with generation {self.build_id}; else trigger a new run."
            )

    def fingerprint_of(self, field: str) -> str:
        """Of the encoder of a vector field."""
        return self.fingerprints.get(field, self.fingerprint)

    @property
    def encoders(self) -> frozenset[str]:
        """The fingerprints of the encoders whose vectors are in the index."""
        return frozenset({self.fingerprint, *self.fingerprints.values()})


META = Form(
    Meta,
    "an index",
    "Nothing was changed. Run that version or a later one, or roll back to a generation of an earlier one; a snapshot may also "
    "be built anew with mode full.",
)


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
        manifest=final_manifest_path(plan.alias, plan.build_id),
        receipt=receipt_path(plan.alias, plan.build_id),
        source_version=plan.source_version,
        **META.signature(),
    )


def read_meta(cluster: Cluster, index: str) -> Meta | None:
    """The `_meta` of `index`; None when the index is gone or does not carry ours, `BuildError` when it is ours, of a later
    form, and not even to be read in part."""
    answer: Json = cluster.find(f"/{index}/_mapping") or {}
    mappings: Json = answer.get(index, {}).get("mappings", {})
    meta = meta_in(mappings)
    if meta is None:
        META.require_known(_content(mappings), index)
    return meta


def meta_in(mappings: Json) -> Meta | None:
    """That of an index with these mappings; None where there is none of ours that can be read."""
    try:
        return Meta.model_validate(_content(mappings))
    except ValidationError:
        return None


def _content(mappings: Json) -> Any:
    return mappings.get("_meta", {}).get("sparse_index", {})


def write_meta(cluster: Cluster, index: str, meta: Meta) -> None:
    """Replace `_meta` of `index` as a whole; works on a write-blocked index too. What was read is written with no key more than
    it had: the version that made the index can read it still."""
    body = {"_meta": {"sparse_index": meta.model_dump(mode="json", exclude_unset=True)}}
    cluster.put(f"/{index}/_mapping", body)
