"""The toy models on a real server: each answers in its own way, and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest

from demo.model_server import TOY_MODELS, deployed, encode_dense, encode_sparse, similarities
from ml_verbs import in_memory
from sparse_index.cluster.client import Cluster
from sparse_index.errors import UnavailableError
from sparse_index.ml.verbs import get_model

TEXTS = ["money back for a shattered screen", "refund"]


def ask(kind: str, cluster: Cluster, model_id: str) -> list[Any]:
    if kind == "cross":
        return similarities(cluster, model_id, "refund", TEXTS)
    if kind == "dense":
        return encode_dense(cluster, model_id, TEXTS)
    return encode_sparse(cluster, model_id, TEXTS)


@pytest.mark.parametrize("kind", ["sparse", "dense", "cross"])
def test_a_model_answers_for_each_text_and_is_gone_afterwards(plain_cluster: Cluster, kind: str) -> None:
    with deployed(plain_cluster, TOY_MODELS / kind) as model_id:
        assert len(ask(kind, plain_cluster, model_id)) == len(TEXTS)
    assert get_model(plain_cluster, model_id) is None
    assert model_id not in in_memory(plain_cluster)


def test_a_model_is_deleted_although_its_users_failed(plain_cluster: Cluster) -> None:
    with pytest.raises(UnavailableError), deployed(plain_cluster, TOY_MODELS / "sparse") as model_id:
        raise UnavailableError("the node is away")
    assert get_model(plain_cluster, model_id) is None
