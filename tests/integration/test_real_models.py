"""Real models on both servers: they deploy, answer what they mean, and read as far as they say."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from demo.model_server import deployed, encode_dense, encode_sparse
from demo.real_models import fetch_minilm, fetch_splade
from sparse_index.cluster.client import Cluster

pytestmark = pytest.mark.integration

MINILM_SHA256 = "e56f43fe1e74c96ecf18f2bda6d8a6ed470d01d4f3317c95d67a7967b3725266"
SPLADE_SHA256 = "8cc878e5e405bba5fcf24cda693a507beb20a0ab80e156e10a461e273bc0b84c"
# The heaviest of what the published encoder gives in the library it was made with, and how many there are.
MONEY_BACK = {"back": 2.13, "phone": 1.83, "broken": 1.73, "broke": 1.61, "money": 1.57, "want": 1.48, "you": 0.64}
MONEY_BACK_TOKENS = 19


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "minilm"
    assert fetch_minilm(folder) == MINILM_SHA256
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


@pytest.fixture(scope="module")
def splade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "splade"
    assert fetch_splade(folder) == SPLADE_SHA256
    return folder


def test_the_sparse_encoder_gives_the_published_weights(plain_cluster: Cluster, splade: Path) -> None:
    text = "I want my money back for the broken phone"
    with deployed(plain_cluster, splade) as model_id:
        alone, beside_a_longer_one = (
            encode_sparse(plain_cluster, model_id, texts)[0] for texts in ([text], [text, f"{text} {text}"])
        )
    heaviest = sorted(alone, key=lambda token: -alone[token])[: len(MONEY_BACK)]
    assert len(alone) == MONEY_BACK_TOKENS
    assert {token: alone[token] for token in heaviest} == pytest.approx(MONEY_BACK, abs=0.006)
    assert beside_a_longer_one == pytest.approx(alone, abs=1e-4)


@pytest.mark.secure
def test_the_server_with_security_runs_it_too(secure_cluster: Cluster, minilm: Path) -> None:
    with deployed(secure_cluster, minilm) as model_id:
        (vector,) = encode_dense(secure_cluster, model_id, ["please refund me"])
    assert len(vector) == 384
