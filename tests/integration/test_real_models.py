"""Real models: they deploy, answer what they mean, and read as far as they say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from demo.model_server import deployed, encode_dense, encode_sparse, similarities
from demo.real_models import fetch_models
from real_day import ROOT, delete_everything
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.load import load_corpus
from sparse_index.config.search import SearchMode
from sparse_index.ml.verbs import remove_group
from sparse_index.pipeline import run
from sparse_index.query.search import search
from sparse_index.serving.act import Serving, serve
from sparse_index.serving.needs import needs_of
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME

pytestmark = pytest.mark.integration

TICKETS = ROOT / "include" / "corpora" / "tickets.yaml"
MINILM_SHA256 = "e56f43fe1e74c96ecf18f2bda6d8a6ed470d01d4f3317c95d67a7967b3725266"
MAXSIM_SHA256 = "81d635b1a5b93f31a42df00d1f9e47416f4b681480673be1b05f196cf0697ff7"
SPLADE_SHA256 = "8cc878e5e405bba5fcf24cda693a507beb20a0ab80e156e10a461e273bc0b84c"
# What MiniLM's own token vectors give, text by text. A pair's int8 is scaled by both, which moves a score by some hundredths.
NEAREST = {
    "I want my money back": 1.0,
    "please refund me, the phone arrived broken": 0.43,
    "it rains in the mountains": 0.12,
}
# The heaviest of what the published encoder gives in the library it was made with, and how many there are.
MONEY_BACK = {"back": 2.13, "phone": 1.83, "broken": 1.73, "broke": 1.61, "money": 1.57, "want": 1.48, "you": 0.64}
MONEY_BACK_TOKENS = 19


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    assert fetch_models(folder) == {"minilm": MINILM_SHA256, "maxsim": MAXSIM_SHA256, "splade": SPLADE_SHA256}
    return folder


@pytest.fixture(scope="module")
def minilm(plain_cluster: Cluster, models: Path) -> Iterator[str]:
    """The id of the deployed model."""
    with deployed(plain_cluster, models / "minilm") as model_id:
        yield model_id


@pytest.fixture
def splade(models: Path) -> Path:
    return models / "splade"


def cosine(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))  # both are of length 1


def test_texts_that_mean_the_same_are_near(plain_cluster: Cluster, minilm: str) -> None:
    money_back, refund, weather = encode_dense(
        plain_cluster, minilm, ["I want my money back", "please refund me", "it rains in the mountains"]
    )
    assert len(refund) == 384
    assert math.isclose(cosine(refund, refund), 1, abs_tol=1e-4)
    assert cosine(money_back, refund) > cosine(money_back, weather) + 0.3


def test_it_reads_256_tokens(plain_cluster: Cluster, minilm: str) -> None:
    words = ["word"] * 253
    texts = [" ".join([*words, *more]) for more in (["river"], ["river", "bank"], ["mountain"])]
    river, beyond, mountain = encode_dense(plain_cluster, minilm, texts)
    assert river == beyond
    assert river != mountain


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


def test_the_re_ranker_gives_the_mean_of_the_nearest_tokens(plain_cluster: Cluster, models: Path) -> None:
    with deployed(plain_cluster, models / "maxsim") as model_id:
        scores = similarities(plain_cluster, model_id, "I want my money back", list(NEAREST))
    assert scores == pytest.approx(list(NEAREST.values()), abs=0.05)


@pytest.fixture
def tickets(plain_cluster: Cluster, models: Path, tmp_path: Path) -> Iterator[Serving]:
    """The demo's corpus file, with 80 of its rows under a name of its own; in the end nothing of it is there."""
    surroundings = {"SPARSE_INDEX_MODELS": str(models), "SPARSE_INDEX_STORE": str(tmp_path / "store")}
    config = load_corpus(TICKETS, surroundings)
    some = tmp_path / "some.parquet"
    pq.write_table(pq.read_table(config.source.uri).slice(0, 80), some)
    changes = {"alias": "real-tickets", "source": config.source.model_copy(update={"uri": str(some)})}
    config = config.model_copy(update=changes)
    yield Serving(plain_cluster, Store(config.store), config, REAL_TIME)
    delete_everything(plain_cluster, config.alias, tmp_path)
    plain_cluster.remove(f"/_search/pipeline/{config.alias}--*")
    for need in needs_of(config):
        remove_group(plain_cluster, need.group)


def test_a_corpus_file_of_the_demo_finds_by_meaning(tickets: Serving) -> None:
    cluster, config = tickets.cluster, tickets.config
    serve(tickets)
    run(cluster, config, tickets.store, RunRequest(run_id="real", data_date=datetime.now(UTC).date()))
    serve(tickets)
    soaked = {
        mode: [
            hit.id
            for hit in search(cluster, config, "water damage", mode=mode, size=3, strict=True).hits
            if "waterlogged" in hit.text.lower()
        ]
        for mode in SearchMode
    }
    assert {mode for mode, found in soaked.items() if found} == set(SearchMode) - {SearchMode.BM25}
