"""What serving finds out about the nodes, and about models that are gone, silent or nobody's to ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from build_plans import corpus_config, make_plan
from fake_models import ML, FakeModels
from fake_opensearch import fake_cluster, http_error, no_route
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.creation.mapping import vector_properties
from sparse_index.errors import ConfigError, UnavailableError
from sparse_index.live.meta import meta_of
from sparse_index.ml.life import encoder_fingerprint
from sparse_index.query.pipelines import DEEPENING, models_named
from sparse_index.serving.look import deepens, look, model_answers
from sparse_index.store.files import Store


def nodes(*types: set[str]) -> Cluster:
    """Each with the processors of these types."""
    answer = {
        f"n{number}": {"search_pipelines": {"request_processors": [{"type": name} for name in sorted(names)]}}
        for number, names in enumerate(types)
    }
    return fake_cluster(lambda *_: {"nodes": answer})


def test_a_re_ranker_reads_deeper_only_where_every_node_has_search_pipeline_common() -> None:
    assert deepens(nodes({*DEEPENING, "rerank"}, set(DEEPENING)))
    assert not deepens(nodes(set(DEEPENING), {"rerank"}))
    assert not deepens(fake_cluster(lambda *_: {}))


@pytest.mark.parametrize(
    ("document", "error", "expected"),
    [
        (None, None, None),
        ("SPARSE_ENCODING", None, True),
        ("SPARSE_ENCODING", http_error(400, "illegal_argument_exception", "Model not ready yet. Deploy it."), False),
        ("SPARSE_ENCODING", http_error(400, "illegal_argument_exception", "needs an image, too"), True),
        ("REMOTE", http_error(500, "io_exception", "never asked"), True),
    ],
)
def test_a_model_is_asked_and_its_state_is_not_believed(
    document: str | None, error: Exception | None, expected: bool | None
) -> None:
    def answer(method: str, path: str, body: Any) -> Any:
        if "_predict" in path:
            if error is not None:
                raise error
            return {"inference_results": []}
        if document is None:
            raise http_error(404, "status_exception", "Failed to find model")
        return {"algorithm": document, "model_state": "DEPLOYED"}

    assert model_answers(fake_cluster(answer), "m1") is expected


def test_a_proxy_without_a_cluster_is_no_silent_model() -> None:
    def answer(method: str, path: str, body: Any) -> Any:
        if "_predict" in path:
            raise no_route()
        return {"algorithm": "SPARSE_ENCODING", "model_state": "DEPLOYED"}

    with pytest.raises(UnavailableError):
        model_answers(fake_cluster(answer), "m1")


def test_every_way_in_which_a_pipeline_names_a_model_is_known() -> None:
    body = {
        "request_processors": [
            {"neural_query_enricher": {"default_model_id": "m1", "neural_field_default_id": {"a": "m2", "b": "m3"}}}
        ],
        "response_processors": [{"rerank": {"ml_opensearch": {"model_id": "m4"}}}],
    }
    assert models_named(body) == {"m1", "m2", "m3", "m4"}


@pytest.mark.parametrize(("state", "error"), [("DEPLOYED", UnavailableError), ("UNDEPLOYED", ConfigError)])
@pytest.mark.parametrize("purpose", ["text_sparse", "rerank"])
def test_a_model_that_is_not_ours_and_is_deployed_again_is_an_outage(
    purpose: str, state: str, error: type[Exception], tmp_path: Path
) -> None:
    models = FakeModels()
    models.add("m1", "theirs", answers=True, algorithm="SPARSE_ENCODING")
    models.add("r1", "theirs", algorithm="TEXT_SIMILARITY", model_state=state)
    models.add("m2", "theirs", algorithm="SPARSE_ENCODING", model_state=state)
    rerank = {"rerank": {"model": {"source": "model_id", "model_id": "r1"}}} if purpose == "rerank" else {}
    encoder = {"model": {"source": "model_id", "model_id": "m1" if purpose == "rerank" else "m2"}}
    config = corpus_config("things", encoder=encoder, search={"query": {"text_sparse": "model"}} | rerank)
    with pytest.raises(error, match=purpose):
        look(models.cluster, config, Store(str(tmp_path)))


def dense(**changes: Any) -> dict[str, Any]:
    """A vector field beside the sparse one."""
    model = {"source": "url", "name": "dense", "version": "1", "url": "http://h/m.zip", "sha256": "ab" * 32}
    body = {
        "model_type": "bert",
        "embedding_dimension": changes.get("dimension", 4),
        "framework_type": "sentence_transformers",
    }
    return {"kind": "dense", "dimension": 4, "encoder": {"model": model | {"model_config_body": body}}} | changes


@pytest.mark.parametrize(
    ("of_now", "alike"),
    [
        ({}, {"text_sparse", "text_dense"}),
        ({"dimension": 8}, {"text_sparse"}),
        ({"long_texts": "passages"}, {"text_sparse"}),
        ({"engine": "faiss", "knn_natives": True}, {"text_sparse", "text_dense"}),
    ],
)
def test_an_index_fits_where_its_fields_take_the_queries_of_now(of_now: dict[str, Any], alike: set[str]) -> None:
    """Dividing texts makes no other encoder: the fingerprints fit."""
    sparse = {"kind": "sparse", "encoder": {"model": {"source": "model_id", "model_id": "m1"}}}
    made, now = (two_fields(sparse, dense(**changes)) for changes in ({}, of_now))
    models = FakeIndices(made)
    models.add("m1", "theirs", answers=True, algorithm="SPARSE_ENCODING")
    (index,) = look(models.cluster, now, Store("memory://things")).indices
    assert (set(index.alike), index.fits) == (alike, alike == {"text_sparse", "text_dense"})


def two_fields(sparse: dict[str, Any], dense: dict[str, Any]) -> CorpusConfig:
    values = corpus_config("things").model_dump(exclude_unset=True, exclude={"encoder"})
    return CorpusConfig.model_validate(values | {"vectors": {"text_sparse": sparse, "text_dense": dense}})


class FakeIndices(FakeModels):
    """Models, and a live index that a build of `made` left."""

    def __init__(self, made: CorpusConfig) -> None:
        super().__init__()
        self.made = made

    def answer(self, method: str, path: str, body: Any) -> Any:
        fingerprints = {
            name: encoder_fingerprint(self.cluster, field)
            for name, field in self.made.vector_fields.items()
            if not path.startswith(ML)
        }
        if path.startswith("/things--b"):
            plan = make_plan(self.made, fingerprint=fingerprints["text_sparse"], fingerprints=fingerprints)
            meta = {"_meta": {"sparse_index": meta_of(plan).model_dump(mode="json")}}
            return {plan.candidate: {"mappings": {"properties": vector_properties(self.made)} | meta}}
        return super().answer(method, path, body)


@pytest.mark.parametrize("state", ["UNDEPLOYED", None])
def test_a_model_that_no_query_asks_may_be_silent_or_gone(state: str | None, tmp_path: Path) -> None:
    """With something to serve, and with nothing."""
    models = FakeModels()
    if state is not None:
        models.add("m1", "theirs", algorithm="SPARSE_ENCODING", model_state=state)
    encoder = {"model": {"source": "model_id", "model_id": "m1"}}
    by_analyzer = corpus_config("things", str(tmp_path), encoder=encoder, search={"query": {"text_sparse": "analyzer"}})
    unserved = CorpusConfig.model_validate(
        corpus_config("things", str(tmp_path)).model_dump(exclude_unset=True, exclude={"encoder"})
        | {"vectors": {"text_dense": {"kind": "dense", "dimension": 4, "encoder": encoder}}}
    )
    assert unserved.model_side_fields == ("text_dense",)
    for config in (by_analyzer, unserved):
        assert look(models.cluster, config, Store(str(tmp_path))).given == {}
