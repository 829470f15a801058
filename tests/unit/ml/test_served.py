"""Shared models: which group is whose, which model of it is the one, and what a build does with it."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config
from fake_models import FakeModels
from sparse_index.config.encoder import FileModel, PretrainedModel, UrlModel
from sparse_index.config.vectors import SparseField
from sparse_index.errors import ConfigError, UnavailableError
from sparse_index.ml.build_models import build_models, deployed, remove
from sparse_index.ml.life import Shared, encoder_fingerprint, life_of
from sparse_index.ml.served import find, served_models, serving_group
from sparse_index.ml.settings import required_settings
from sparse_index.ml.sources import FROM_URL
from sparse_index.ml.verbs import Removal
from sparse_index.names import group_name, parse_group

SHA = "ab" * 32
URL = {"source": "url", "name": "splade", "version": "1", "url": "http://h/m.zip", "sha256": SHA}
GROUP = f"sparse-index-serving--splade--{SHA[:12]}"


def url_model(**changes: Any) -> UrlModel:
    return UrlModel.model_validate(URL | changes)


def field(lifecycle: str = "shared") -> SparseField:
    return SparseField.model_validate({"kind": "sparse", "encoder": {"model": URL, "lifecycle": lifecycle}})


def same(**changes: Any) -> dict[str, Any]:
    return {"name": "splade", "model_content_hash_value": SHA} | changes


def test_a_group_is_named_after_the_model_and_its_content() -> None:
    assert serving_group(url_model(), SHA) == GROUP
    assert parse_group(GROUP) is None


def test_a_file_and_an_address_with_the_same_content_are_one_model() -> None:
    file = FileModel(source="file", name="splade", version="2", path="m.zip")
    assert serving_group(file, SHA) == GROUP


@pytest.mark.parametrize("other", [{"name": "other"}, {"model_config_body": {"embedding_dimension": 384}}])
def test_what_answers_otherwise_is_another_model(other: dict[str, Any]) -> None:
    assert serving_group(url_model(**other), SHA) != GROUP


def test_a_model_of_the_catalogue_is_known_by_name_and_version() -> None:
    one, two = (PretrainedModel(source="pretrained", name="a/b", version=version) for version in "12")
    assert serving_group(one, None) != serving_group(two, None)
    assert serving_group(one, None).startswith("sparse-index-serving--a/b--")


def test_a_long_name_is_cut_to_what_ml_commons_finds_again() -> None:
    assert len(serving_group(url_model(name="x" * 400), SHA)) <= 256


def test_the_oldest_of_the_same_models_comes_first_and_strangers_are_none() -> None:
    models = FakeModels()
    models.add("young", GROUP, **same(created_time=9))
    models.add("old", GROUP, **same(created_time=3))
    models.add("another name", GROUP, **same(name="x"))
    models.add("another content", GROUP, **same(model_content_hash_value="0" * 64))
    models.add("of a build", group_name("tickets", "20260101T000000-abcdef"), **same())
    assert list(served_models(models.cluster, url_model(), SHA)) == ["old", "young"]


def test_what_answers_is_found_and_its_state_is_not_believed() -> None:
    models = FakeModels()
    assert find(models.cluster, field(), SHA) is None
    models.add("half", GROUP, **same(model_state="REGISTERING"))
    models.add("silent", GROUP, **same(model_state="DEPLOYED"))
    assert find(models.cluster, field(), SHA) is None
    models.add("m1", GROUP, answers=True, **same())
    assert find(models.cluster, field(), SHA) == "m1"
    assert not any("half" in asked for asked in models.asked)


def test_a_given_model_is_found_by_its_id() -> None:
    given = SparseField.model_validate(
        {"kind": "sparse", "encoder": {"model": {"source": "model_id", "model_id": "m1"}}}
    )
    models = FakeModels()
    assert find(models.cluster, given, None) is None
    models.add("m1", "somebody's", answers=True)
    assert find(models.cluster, given, None) == "m1"


def test_a_build_uses_the_served_model_and_makes_and_removes_nothing() -> None:
    models, life = FakeModels(), life_of(field())
    build = build_models("sparse-index--things--b1", {"f1": field()})
    assert isinstance(life, Shared)
    with pytest.raises(ConfigError, match=rf"{GROUP}\) does not answer: run the serving DAG first"):
        life.require_usable(models.cluster)
    with pytest.raises(ConfigError, match="run the serving DAG first"):
        deployed(models.cluster, build)
    models.add("m1", GROUP, answers=True, **same())
    life.require_usable(models.cluster)
    assert deployed(models.cluster, build) == {"f1": "m1"}
    assert remove(models.cluster, build) == Removal((), ())
    assert build.remains(models.cluster) == []
    assert not any(asked.startswith(("DELETE", "PUT")) or "_register" in asked for asked in models.asked)


@pytest.mark.parametrize("state", ["DEPLOYED", "PARTIALLY_DEPLOYED", "DEPLOYING"])
def test_a_served_model_that_is_deployed_again_after_a_restart_ends_no_run_for_good(state: str) -> None:
    models, life = FakeModels(), life_of(field())
    models.add("m1", GROUP, **same(model_state=state))
    for ask in (life.require_usable, lambda cluster: life.register(cluster, "")):
        with pytest.raises(
            UnavailableError, match=rf"{GROUP}\) does not answer for now: model m1 .* run the serving DAG"
        ):
            ask(models.cluster)


@pytest.mark.parametrize("state", ["REGISTERING", "REGISTERED", "UNDEPLOYED", "DEPLOY_FAILED"])
def test_a_served_model_that_nobody_deploys_is_for_serving_to_mend(state: str) -> None:
    models = FakeModels()
    models.add("m1", GROUP, **same(model_state=state))
    with pytest.raises(ConfigError, match=rf"{GROUP}\) does not answer: run the serving DAG first"):
        life_of(field()).require_usable(models.cluster)


def test_a_shared_model_needs_the_settings_of_its_source() -> None:
    config = corpus_config("things", "store", encoder={"model": URL, "lifecycle": "shared"})
    assert required_settings(config, has_ml_node=True) == {FROM_URL: "true"}


def test_sharing_a_model_changes_no_vector() -> None:
    cluster = FakeModels().cluster
    assert encoder_fingerprint(cluster, field("shared")) == encoder_fingerprint(cluster, field("per_run"))
