"""What serving is told that cannot be served is said in words, and nothing of it stays when the corpus file is corrected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from demo.model_server import TOY_MODELS, deployed
from real_builds import MODEL_ZIP, real_config, rows, write_corpus
from real_serving import SEARCH, models, pipelines, remove_served
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import ConfigError, ModelError
from sparse_index.ml import verbs
from sparse_index.ml.groups import find_groups
from sparse_index.ml.life import encoder_fingerprint
from sparse_index.pipeline import run
from sparse_index.serving.act import Serving, serve
from sparse_index.serving.needs import needs_of
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME
from sparse_index.vectors.kinds import vector_kind
from sparse_index.vectors.probe import kept_probes, write_probes

pytestmark = pytest.mark.integration
SPARSE = {"source": "file", "name": "bad-input", "version": "1", "path": str(MODEL_ZIP)}


@pytest.fixture
def serving(plain_cluster: Cluster, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Serving]:
    """A corpus that can be served."""
    alias = f"bad-{request.node.name.replace('_', '-')[5:40].strip('-')}"
    config = real_config(alias, tmp_path, encoder={"model": SPARSE, "lifecycle": "shared"}, search=SEARCH)
    serving = Serving(plain_cluster, Store(config.store), config, REAL_TIME)
    yield serving
    remove_served(serving)


def with_search(serving: Serving, **search: Any) -> Serving:
    raw = serving.config.model_dump(exclude_unset=True) | {"search": SEARCH | search}
    return Serving(serving.cluster, serving.store, CorpusConfig.model_validate(raw), REAL_TIME)


def test_a_re_ranker_that_is_no_cross_encoder(serving: Serving) -> None:
    folder = TOY_MODELS / "dense"
    about = orjson.loads((folder / "config.json").read_bytes())["model_config"]
    model = {"source": "file", "name": "bad-reranker", "version": "1", "path": str(folder / "model.zip")}
    wrong = with_search(serving, rerank={"model": model | {"model_config_body": about}, "depth": 6, "top": 2})
    with pytest.raises(ModelError, match=r"Model \S+ of search\.rerank failed: .*TEXT_SIMILARITY"):
        serve(wrong)
    assert len(pipelines(serving)) == 0, "no pipeline names it"
    reranker = next(need for need in needs_of(wrong.config) if need.used_for == "rerank")
    for _ in range(2):
        left = serve(serving).steps
    assert left == []
    assert find_groups(serving.cluster, reranker.group) == [], "the file was corrected"
    assert len(models(serving)) == 1


def test_a_re_ranker_that_is_not_ours_and_an_encoder(serving: Serving) -> None:
    with deployed(serving.cluster, TOY_MODELS / "dense") as model_id:
        given = {"model": {"source": "model_id", "model_id": model_id}, "depth": 6, "top": 2}
        said = f"Model {model_id} is TEXT_EMBEDDING, and search.rerank needs one that is TEXT_SIMILARITY"
        with pytest.raises(ModelError, match=said):
            serve(with_search(serving, rerank=given))
    assert len(pipelines(serving)) == 0, "no pipeline names it"


def test_a_model_that_is_not_ours_and_does_not_answer(serving: Serving) -> None:
    with deployed(serving.cluster, TOY_MODELS / "cross") as model_id:
        given = {"model": {"source": "model_id", "model_id": model_id}, "depth": 6, "top": 2}
        beside = with_search(serving, rerank=given)
        assert serve(beside).steps == []
        verbs.undeploy(serving.cluster, model_id)
        with pytest.raises(ConfigError, match=f"Model {model_id}, which is not ours, serves 'rerank' .*_deploy"):
            serve(beside)
    gone = rf"Model {model_id}, which is not ours, serves 'rerank' and does not answer.*correct its id"
    with pytest.raises(ConfigError, match=gone):
        serve(beside)


def test_a_model_that_is_another_encoder_by_now(serving: Serving) -> None:
    config, store, field = serving.config, serving.store, serving.config.first_field
    serve(serving)
    write_corpus(config, rows(12))
    run(serving.cluster, config, store, RunRequest(run_id="test", data_date=date(2026, 1, 2)))
    (model_id,), fingerprint, kind = models(serving), encoder_fingerprint(serving.cluster, field), vector_kind(field)
    verbs.undeploy(serving.cluster, model_id)
    kept = kept_probes(store, fingerprint, kind)
    others = [replace(probe, vector=other.vector) for probe, other in zip(kept, [*kept[1:], kept[0]], strict=True)]
    write_probes(store, fingerprint, kind, others)
    try:
        with pytest.raises(ModelError, match=f"Model {model_id} was deployed to serve 'text_sparse' and is not the"):
            serve(serving)
        write_probes(store, fingerprint, kind, kept)
        assert serve(serving).steps == []
    finally:
        serving.cluster.remove(f"/{config.alias}--b*")
