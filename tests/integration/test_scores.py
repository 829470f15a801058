"""What is computed from stored vectors is what the cluster answers, in every kind and space."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from sparse_index.cluster.client import Cluster
from sparse_index.config.encoder import Pruning
from sparse_index.vectors.dense import dense_kind
from sparse_index.vectors.kind import Asked, VectorKind
from sparse_index.vectors.sparse import sparse_kind

pytestmark = pytest.mark.integration
INDEX = "scores-test"
DOCUMENTS, DIMENSION = 60, 8
Drawn = Callable[[np.random.Generator], Any]


def tokens(draw: np.random.Generator) -> dict[str, float]:
    """12 of 40 words: some documents share none with a query."""
    return {f"t{token}": float(draw.uniform(0.01, 3)) for token in draw.choice(40, 12, replace=False)}


def numbers(draw: np.random.Generator) -> np.ndarray:
    return draw.normal(size=DIMENSION).astype(np.float32)


@pytest.fixture
def index(plain_cluster: Cluster) -> Iterator[str]:
    yield INDEX
    plain_cluster.delete(f"/{INDEX}")


@pytest.mark.parametrize(
    ("kind", "drawn"),
    [
        (sparse_kind(Pruning()), tokens),
        (dense_kind(DIMENSION, "cosinesimil"), numbers),
        (dense_kind(DIMENSION, "l2"), numbers),
        (dense_kind(DIMENSION, "innerproduct"), numbers),
    ],
    ids=["sparse", "cosinesimil", "l2", "innerproduct"],
)
def test_scores_are_the_clusters(plain_cluster: Cluster, index: str, kind: VectorKind, drawn: Drawn) -> None:
    draw = np.random.default_rng(1)
    drawn_once = {str(number): kind.vector(drawn(draw)) for number in range(DOCUMENTS)}
    (stored,) = kind.table(drawn_once).to_batches()
    settings = {"number_of_replicas": 0, **kind.index_settings}
    plain_cluster.put(f"/{index}", {"settings": settings, "mappings": {"properties": {"v": kind.mapping}}})
    for number in range(DOCUMENTS):
        vector = kind.in_document({name: stored[name][number] for name in stored.schema.names})
        plain_cluster.put(f"/{index}/_doc/{number}", {"v": vector})
    plain_cluster.post(f"/{index}/_refresh")

    queries = [drawn(draw) for _ in range(4)]
    for query, scores in zip(queries, kind.scores(queries, stored), strict=True):
        body = {"size": DOCUMENTS, "_source": False, "query": kind.clause("v", query, Asked(DOCUMENTS))}
        hits = plain_cluster.get(f"/{index}/_search", body)["hits"]["hits"]
        found = {int(hit["_id"]): hit["_score"] for hit in hits}
        assert found == pytest.approx({number: scores[number] for number in np.flatnonzero(scores > -np.inf)}, abs=1e-5)
