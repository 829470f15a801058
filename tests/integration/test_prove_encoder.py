"""A model that is not the one whose vectors are there stops the run before the first text is encoded, on the real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from demo.model_archive import cut_at
from demo.model_server import TOY_MODELS, deployed
from encoder_service import EncoderService, connectors_allowed, encoder_service, remote_model, weights
from exchanged_models import exchanged, of_another_model
from misbehaving_servers import editing_proxy
from real_builds import MODEL_ZIP, planned, real_config, rows, write_corpus
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import UsedModel
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError, ModelError
from sparse_index.gate.encoder import prove_encoder
from sparse_index.pipeline import run
from sparse_index.store.files import Store
from sparse_index.vectors.files import vector_paths

pytestmark = pytest.mark.integration
TODAY = date(2026, 1, 2)
TICKETS = TOY_MODELS.parent / "corpora" / "tickets" / "tickets.parquet"


@pytest.fixture(scope="module")
def proven(plain_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A plan that was not carried out, whose encoder is proven for the first time."""
    folder = tmp_path_factory.mktemp("proven")
    config = real_config("proven", folder, source={"uri": str(folder / "tickets.parquet")})
    pq.write_table(pq.read_table(TICKETS).slice(0, 60), config.source.uri, row_group_size=20)
    plan = planned(plain_cluster, config)
    with deployed(plain_cluster, MODEL_ZIP.parent) as model_id:
        report = prove_encoder(plain_cluster, Store(config.store), plan, {plan.fingerprint: model_id})
        assert [check.verdict for check in report.checks] == ["pass", "pass"]
        assert report.models == {plan.fingerprint: UsedModel("toy-sparse", "1.0.0", model_id, nodes=1)}
        again = prove_encoder(
            plain_cluster, Store(config.store), planned(plain_cluster, config), {plan.fingerprint: model_id}
        )
        assert "32 texts are encoded as when it was first used" in again.checks[0].words
    return plan


def cut(tokenizer: bytes) -> bytes:
    return cut_at(tokenizer, 32)


def without_content(path: str, answer: Any) -> Any:
    return {key: value for key, value in answer.items() if key != "model_content_hash_value"}


@pytest.mark.parametrize(("change", "texts"), [(cut, "[12][0-9] of 32"), (of_another_model, "3[0-2] of 32")])
def test_an_exchanged_model_is_not_used(
    plain_cluster: Cluster,
    plain_settings: ConnectionSettings,
    proven: Plan,
    tmp_path: Path,
    change: Callable[[bytes], bytes],
    texts: str,
) -> None:
    """By its content, and where the cluster does not tell that by what it says."""
    store = Store(proven.config.store)
    plan = planned(plain_cluster, proven.config)
    refusal = f"Nothing is encoded by build .*: encoder: text_sparse: {texts} texts are not"
    server = f"http://{plain_settings.host}:{plain_settings.port}"
    with (
        deployed(plain_cluster, exchanged(MODEL_ZIP.parent, tmp_path, change)) as model_id,
        editing_proxy(server, without_content) as port,
    ):
        with pytest.raises(ModelError, match="'text_sparse' was exchanged after the plan"):
            prove_encoder(plain_cluster, store, plan, {plan.fingerprint: model_id})
        silent = Cluster.connect(replace(plain_settings, port=port))
        with pytest.raises(BuildError, match=refusal):
            prove_encoder(silent, store, plan, {plan.fingerprint: model_id})
        silent.close()
    assert vector_paths(store, plan.fingerprint) == []


@pytest.fixture(scope="module")
def service(plain_cluster: Cluster) -> Iterator[EncoderService]:
    with encoder_service() as service, connectors_allowed(plain_cluster):
        yield service


@pytest.fixture
def remote(plain_cluster: Cluster, service: EncoderService, tmp_path: Path) -> Iterator[CorpusConfig]:
    """A corpus that is live, encoded by a model behind a connector: nobody knows its content."""
    model = {"source": "model_id", "model_id": remote_model(plain_cluster, service, "changing")}
    config = real_config("exchanged", tmp_path, encoder={"model": model})
    write_corpus(config, rows(40))
    service.changing = weights
    assert build(plain_cluster, config) == "promoted"
    yield config
    plain_cluster.delete(f"/{config.alias}--b*")
    plain_cluster.post(f"/_plugins/_ml/models/{model['model_id']}/_undeploy")


def build(cluster: Cluster, config: CorpusConfig) -> object:
    store = Store(config.store)
    return run(cluster, config, store, RunRequest(run_id="test", data_date=TODAY)).receipt["outcome"]


def test_a_service_that_changes_behind_the_same_model_is_noticed(
    plain_cluster: Cluster, service: EncoderService, remote: CorpusConfig
) -> None:
    store = Store(remote.store)
    write_corpus(remote, [*rows(40), *({**row, "id": f"new{number}"} for number, row in enumerate(rows(42)[40:]))])
    (fingerprint,) = [path.split("/")[1] for path in store.files("vectors", "probe.parquet")]
    before = vector_paths(store, fingerprint)
    service.changing = lambda text: {token: 2 * weight for token, weight in weights(text).items()}
    with pytest.raises(
        BuildError, match=r"are not encoded as when these vectors were first made, by up to 0.5 of the largest"
    ):
        build(plain_cluster, remote)
    service.changing = lambda text: weights(" ".join(text.split()[:3]))
    with pytest.raises(BuildError, match="Another model answers under this name"):
        build(plain_cluster, remote)
    assert vector_paths(store, fingerprint) == before
    service.changing = weights
    assert build(plain_cluster, remote) == "promoted"


def test_a_dense_model_in_a_sparse_field_is_refused_at_its_first_build(plain_cluster: Cluster, tmp_path: Path) -> None:
    model = {"source": "file", "name": "dense", "version": "1", "path": str(TOY_MODELS / "dense" / "model.zip")}
    source = {"uri": str(tmp_path / "tickets.parquet")}
    config = real_config("dense-in-sparse", tmp_path, encoder={"model": model}, source=source)
    pq.write_table(pq.read_table(TICKETS).slice(0, 60), config.source.uri)
    with pytest.raises(BuildError, match=r"the model is of another kind: of the [0-9]+ tokens .* each text has 100%"):
        build(plain_cluster, config)
    store = Store(config.store)
    assert store.files("vectors", ".parquet") == []
    assert plain_cluster.find(f"/{config.alias}") is None
