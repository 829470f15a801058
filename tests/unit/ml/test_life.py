"""What a build makes of a model and what it leaves alone, by where the model comes from."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config
from fake_opensearch import fake_cluster
from sparse_index.cluster.cores import ML_NODES_ONLY
from sparse_index.config.vectors import DenseField, SparseField
from sparse_index.errors import ConfigError
from sparse_index.ml.build_models import build_models, deployed, remove
from sparse_index.ml.life import encoder_fingerprint, life_of
from sparse_index.ml.settings import required_settings
from sparse_index.ml.sources import FROM_FILE, FROM_URL
from sparse_index.ml.verbs import Removal
from sparse_index.names import group_name

GROUP = group_name("things", "20260101T000000-abcdef")
ANY_NODE = {ML_NODES_ONLY: "false"}
GIVEN = {"source": "model_id", "model_id": "m1"}
MODELS: dict[str, dict[str, str]] = {
    "pretrained": {"source": "pretrained", "name": "a", "version": "1"},
    "url": {"source": "url", "name": "a", "version": "1", "url": "http://h/m.zip", "sha256": "0" * 64},
    "file": {"source": "file", "name": "a", "version": "1", "path": "m.zip"},
    "given": GIVEN,
}


def field(model: dict[str, str]) -> SparseField:
    return SparseField.model_validate({"kind": "sparse", "encoder": {"model": model}})


@pytest.mark.parametrize(
    ("model", "with_ml_node", "without"),
    [
        ("pretrained", {}, ANY_NODE),
        ("url", {FROM_URL: "true"}, ANY_NODE | {FROM_URL: "true"}),
        ("file", {FROM_FILE: "true"}, ANY_NODE | {FROM_FILE: "true"}),
        ("given", {}, {}),
    ],
)
def test_the_settings_follow_the_source(model: str, with_ml_node: dict[str, str], without: dict[str, str]) -> None:
    config = corpus_config("things", "store", encoder={"model": MODELS[model]})
    assert required_settings(config, has_ml_node=True) == with_ml_node
    assert required_settings(config, has_ml_node=False) == without


def test_a_given_model_is_neither_made_nor_removed() -> None:
    def answer(method: str, path: str, _: Any) -> Any:
        pytest.fail(f"{method} {path}: there is nothing to ask for")

    models, cluster = build_models(GROUP, {"f1": field(GIVEN)}), fake_cluster(answer)
    assert deployed(cluster, models) == {"f1": "m1"}
    assert remove(cluster, models) == Removal((), ())
    assert models.undeploy(cluster) == models.remains(cluster) == []


@pytest.mark.parametrize(
    ("state", "is_usable"),
    [
        ("DEPLOYED", True),
        ("PARTIALLY_DEPLOYED", True),
        ("DEPLOYING", True),
        ("REGISTERED", False),
        ("UNDEPLOYED", False),
    ],
)
def test_a_given_model_that_answers_or_soon_will_is_enough(state: str, is_usable: bool) -> None:
    def answer(method: str, path: str, _: Any) -> dict[str, str]:
        assert (method, path) == ("GET", "/_plugins/_ml/models/m1")
        return {"algorithm": "SPARSE_ENCODING", "model_state": state}

    if is_usable:
        life_of(field(GIVEN)).require_usable(fake_cluster(answer))
        return
    with pytest.raises(ConfigError, match=rf"{state}.*POST .*/_deploy"):
        life_of(field(GIVEN)).require_usable(fake_cluster(answer))


@pytest.mark.parametrize("there", [0, 1, 2])
def test_a_given_model_on_some_of_its_nodes_is_used_with_a_warning(there: int) -> None:
    counts = {"planning_worker_node_count": 2, "current_worker_node_count": there}
    document = {"algorithm": "SPARSE_ENCODING", "model_state": "PARTIALLY_DEPLOYED"} | counts
    warning = life_of(field(GIVEN)).require_usable(fake_cluster(lambda *_: document))
    if there == 1:
        assert warning is not None
        assert warning.startswith("Model m1 is PARTIALLY_DEPLOYED on 1 of 2 nodes")
    else:
        assert warning is None


@pytest.mark.parametrize(
    ("kind", "algorithm", "message"),
    [
        ("sparse", "TEXT_EMBEDDING", "m1 is TEXT_EMBEDDING, its vector field needs SPARSE_ENCODING. Correct .*`kind`"),
        ("dense", "SPARSE_ENCODING", "m1 is SPARSE_ENCODING, its vector field needs TEXT_EMBEDDING"),
        ("dense", "TEXT_EMBEDDING", None),
        ("dense", "REMOTE", None),
    ],
)
def test_a_given_model_is_of_its_fields_kind(kind: str, algorithm: str, message: str | None) -> None:
    cluster = fake_cluster(lambda *_: {"algorithm": algorithm, "model_state": "DEPLOYED"})
    dense = DenseField.model_validate({"kind": "dense", "dimension": 3, "encoder": {"model": GIVEN}})
    life = life_of(dense if kind == "dense" else field(GIVEN))
    if message is None:
        life.require_usable(cluster)
        return
    with pytest.raises(ConfigError, match=message):
        life.require_usable(cluster)


def test_the_fingerprint_of_a_given_model_follows_its_content() -> None:
    content = "1" * 64
    cluster = fake_cluster(lambda *_: {"model_content_hash_value": content})
    first = encoder_fingerprint(cluster, field(GIVEN))
    content = "2" * 64
    assert encoder_fingerprint(cluster, field(GIVEN)) != first


def test_the_settings_of_several_fields_are_asked_for_together() -> None:
    both = {"a": field(MODELS["url"]), "b": field(MODELS["file"])}
    config = corpus_config("things", "store").model_copy(update={"vectors": both})
    assert required_settings(config, has_ml_node=True) == {FROM_URL: "true", FROM_FILE: "true"}
