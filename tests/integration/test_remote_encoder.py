"""A sparse model behind a connector: what ML Commons makes of the answers of a real HTTP service, and a corpus encoded by it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from encoder_service import EncoderService, connectors_allowed, encoder_service, remote_model, weights
from kinds_of_vectors import SPARSE
from real_builds import real_config, write_corpus
from sparse_index.builds.dead_letters import read_letters
from sparse_index.builds.folder import letters_files
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.encode.predict import Predictor
from sparse_index.errors import ModelError
from sparse_index.pipeline import run
from sparse_index.store.files import Store
from sparse_index.vectors.kind import Refused

pytestmark = pytest.mark.integration

TEXTS = ["loud fridge", "cracked screen", "order late"]
REQUEST = RunRequest(run_id="test", data_date=date(2026, 1, 2))


@pytest.fixture(scope="module")
def service(plain_cluster: Cluster) -> Iterator[EncoderService]:
    with encoder_service() as service, connectors_allowed(plain_cluster):
        yield service


@pytest.mark.parametrize(
    ("path", "parameters", "calls"),
    [
        ("list", {}, [3]),
        ("object", {}, [3]),
        ("list", {"input_docs_processed_step_size": "2"}, [1, 2]),
        ("one", {}, [1, 1, 1]),
    ],
    ids=["list", "object", "some texts a call", "one text a call"],
)
def test_every_documented_shape_gives_each_text_its_vector(
    plain_cluster: Cluster, service: EncoderService, path: str, parameters: dict[str, str], calls: list[int]
) -> None:
    model_id = remote_model(plain_cluster, service, path, parameters)
    service.calls.clear()
    assert Predictor(plain_cluster, model_id, SPARSE, 30.0, ours=False)(TEXTS) == [weights(text) for text in TEXTS]
    assert sorted(service.calls) == calls


def test_an_item_that_fails_alone_and_a_model_that_is_not_sparse(
    plain_cluster: Cluster, service: EncoderService
) -> None:
    some = Predictor(plain_cluster, remote_model(plain_cluster, service, "some"), SPARSE, 30.0, ours=False)
    first, refused, last = some(["loud fridge", "poison", "order late"])
    assert (first, last) == (weights("loud fridge"), weights("order late"))
    assert isinstance(refused, Refused)
    dense = Predictor(plain_cluster, remote_model(plain_cluster, service, "dense"), SPARSE, 30.0, ours=False)
    with pytest.raises(ModelError, match=r"response: \[3 x \[2 x float\]\]"):
        dense(TEXTS)


@pytest.mark.parametrize("path", ["some", "fails"])
def test_a_corpus_is_encoded_in_batches_and_one_bad_text_is_one_dead_letter(
    plain_cluster: Cluster, service: EncoderService, tmp_path: Path, path: str
) -> None:
    model = {"source": "model_id", "model_id": remote_model(plain_cluster, service, path)}
    encoder = {"model": model, "docs_per_request": 8}
    config = real_config(f"remote-{path}", tmp_path, encoder=encoder)
    rows = [{"id": f"r{n}", "title": f"ticket{n}", "body": "poison" if n == 5 else f"words{n}"} for n in range(20)]
    write_corpus(config, rows)
    service.calls.clear()

    done = run(plain_cluster, config, Store(config.store), REQUEST)

    assert (done.receipt["outcome"], max(service.calls)) == ("promoted", 8)
    (path_of_letters,) = letters_files(Store(config.store), done.plan, ["index"])
    (letter,) = read_letters(Store(config.store), path_of_letters)
    assert (letter.id, letter.error_class) == ("r5", "predict_failed")
    hits = plain_cluster.get(f"/{config.alias}/_search", {"size": 100})["hits"]["hits"]
    vectors = {hit["_id"]: hit["_source"]["text_sparse"] for hit in hits}
    assert vectors == {row["id"]: weights(f"{row['title']}. {row['body']}") for row in rows if row["id"] != "r5"}
    plain_cluster.delete(f"/{config.alias}--b*")
