"""The promises P1 to P6, checked after anything that was done to a build."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from real_builds import documents
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import books_report
from sparse_index.cluster.client import Cluster
from sparse_index.live.alias import observe_alias
from sparse_index.live.generations import own_indices
from sparse_index.live.meta import Meta
from sparse_index.ml.groups import marked_groups
from sparse_index.store.files import Store
from sparse_index.vectors.files import vector_paths

Documents = Mapping[str, Mapping[str, Any]]


def check_promises(cluster: Cluster, store: Store, plan: Plan, expected: Documents | None = None) -> None:
    """`plan` was built and promoted; `expected`: what an undisturbed run put into its index."""
    live = documents(cluster, plan.alias)
    meta = _closed_books(cluster, store, plan, len(live))
    _one_whole_index(cluster, plan, meta)
    if expected is not None:
        assert live == expected, "P3: not the documents of an undisturbed run"
    _forward_only(cluster, plan, meta)
    _one_encoder(store, plan, meta, live)
    leaves_no_trace(cluster, plan)


def _closed_books(cluster: Cluster, store: Store, plan: Plan, found: int) -> Meta:
    books = books_report(store, plan)
    assert books is not None, "P1: reconcile left no books"
    assert books.explained == books.rows_read, f"P1: {books}"
    count = cluster.get(f"/{plan.alias}/_count")["count"]
    live = next(index for index in own_indices(cluster, plan.alias) if index.live)
    assert count == found == books.documents == live.meta.documents, "P1: the index is not what the books say"
    return live.meta


def _one_whole_index(cluster: Cluster, plan: Plan, meta: Meta) -> None:
    assert observe_alias(cluster, plan.alias).members == (plan.candidate,), "P2: not the candidate alone is live"
    assert (meta.build_id, meta.state) == (plan.build_id, "complete"), "P2: the live index is not a complete one"
    assert observe_alias(cluster, plan.write_alias).members == (), "P2: late writers can still reach the live index"
    settings = cluster.get(f"/{plan.candidate}/_settings", flat_settings="true")[plan.candidate]["settings"]
    assert settings.get("index.blocks.write") == "true", "P2: the live index takes writes"


def _forward_only(cluster: Cluster, plan: Plan, meta: Meta) -> None:
    dates = [index.meta.data_date for index in own_indices(cluster, plan.alias)]
    assert meta.data_date == max(dates), "P4: an older day went live over a newer one"


def _one_encoder(store: Store, plan: Plan, meta: Meta, live: Documents) -> None:
    assert meta.fingerprint == plan.fingerprint, "P5: the live index names another encoder"
    files = vector_paths(store, plan.fingerprint)
    stored = {row["text_hash"]: row for path in files for row in store.read_table(path).to_pylist()}
    for row in store.read_table(meta.manifest, ["id", "text_hash", "deleted"]).to_pylist():
        if row["text_hash"] is not None and not row["deleted"]:
            vector = stored[row["text_hash"]]
            wanted = dict(zip(vector["tokens"], np.asarray(vector["weights"], np.float32), strict=True))
            # The index answers with the text it was given; both sides are compared as the float32 they mean.
            found = {token: np.float32(weight) for token, weight in live[row["id"]]["text_sparse"].items()}
            assert found == wanted, f"P5: document {row['id']} has a vector of another encoder"


def leaves_no_trace(cluster: Cluster, plan: Plan) -> None:
    """Holds after a failed build, too."""
    assert marked_groups(cluster, plan.alias) == [], "P6: model groups are left over"
    assert models_of_no_group(cluster) == [], "P6: models are left over whose group is gone"
    indices = own_indices(cluster, plan.alias)
    assert sum(index.is_failed_candidate for index in indices) <= 1, f"P6: failed candidates are left over: {indices}"
    assert sum(index.is_generation for index in indices) <= plan.config.retention.generations, f"P6: {indices}"


def models_of_no_group(cluster: Cluster) -> list[str]:
    """Names; a model's chunks are documents beside it."""
    groups = {hit["_id"] for hit in _found(cluster, "model_groups", {"match_all": {}})}
    models = _found(cluster, "models", {"bool": {"must_not": {"exists": {"field": "chunk_number"}}}})
    return [hit["_source"]["name"] for hit in models if hit["_source"].get("model_group_id") not in groups]


def _found(cluster: Cluster, kind: str, query: Mapping[str, Any]) -> list[dict[str, Any]]:
    """None when nothing of this kind was ever made."""
    answer = cluster.find(f"/_plugins/_ml/{kind}/_search", {"size": 1_000, "query": query})
    return answer["hits"]["hits"] if answer else []
