"""What only the stored vectors tell of an index: room for them in a new one, and none in an old one."""

from __future__ import annotations

from collections.abc import Iterator

from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster, Json
from sparse_index.encode.encoder_record import largest_amount
from sparse_index.store.files import Store
from sparse_index.vectors.kind import VectorKind
from sparse_index.vectors.kinds import vector_kinds


def fitted_mapping(store: Store, plan: Plan, mapping: Json) -> Json:
    """`mapping`, its vector fields with room for all vectors that the store has by now: those of this build, too."""
    fitted = {name: kind.fitted(largest) for name, kind, largest in _to_fit(store, plan) if kind.fitted is not None}
    return mapping | {"properties": mapping["properties"] | fitted}


def outgrown_fields(cluster: Cluster, store: Store, plan: Plan) -> Iterator[str]:
    """Of a clone, which has the room of its source: what this build encoded may need more. A line each."""
    for name, kind, largest in _to_fit(store, plan):
        there: Json = cluster.get(f"/{plan.candidate}/_mapping")[plan.candidate]["mappings"]["properties"]
        outgrown = kind.outgrown(there.get(name, {}), largest)
        if outgrown:
            yield f"{name}: {outgrown}. The next run builds the index anew, from stored vectors."


def _to_fit(store: Store, plan: Plan) -> Iterator[tuple[str, VectorKind, float]]:
    """The vector fields whose index has to be told the largest amount in any vector, with that."""
    for name, kind in vector_kinds(plan.config).items():
        largest = largest_amount(store, plan.fingerprint_of(name)) if kind.fitted is not None else None
        if largest is not None:
            yield name, kind, largest
