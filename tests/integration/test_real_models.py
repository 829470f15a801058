"""A real model in ONNX on both servers: it deploys, answers what it means, and reads as far as it says."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from demo.model_server import deployed, encode_dense
from demo.real_models import fetch_minilm
from sparse_index.cluster.client import Cluster

pytestmark = pytest.mark.integration

SHA256 = "e56f43fe1e74c96ecf18f2bda6d8a6ed470d01d4f3317c95d67a7967b3725266"


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "minilm"
    assert fetch_minilm(folder) == SHA256
    return folder


def cosine(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))  # both are of length 1


def test_texts_that_mean_the_same_are_near(plain_cluster: Cluster, minilm: Path) -> None:
    with deployed(plain_cluster, minilm) as model_id:
        money_back, refund, weather = encode_dense(
            plain_cluster, model_id, ["I want my money back", "please refund me", "it rains in the mountains"]
        )
    assert len(refund) == 384
    assert math.isclose(cosine(refund, refund), 1, abs_tol=1e-4)
    assert cosine(money_back, refund) > cosine(money_back, weather) + 0.3


def test_it_reads_256_tokens(plain_cluster: Cluster, minilm: Path) -> None:
    words = ["word"] * 253
    texts = [" ".join([*words, *more]) for more in (["river"], ["river", "bank"], ["mountain"])]
    with deployed(plain_cluster, minilm) as model_id:
        river, beyond, mountain = encode_dense(plain_cluster, model_id, texts)
    assert river == beyond
    assert river != mountain


@pytest.mark.secure
def test_the_server_with_security_runs_it_too(secure_cluster: Cluster, minilm: Path) -> None:
    with deployed(secure_cluster, minilm) as model_id:
        (vector,) = encode_dense(secure_cluster, model_id, ["please refund me"])
    assert len(vector) == 384
