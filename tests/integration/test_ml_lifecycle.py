"""A model's whole life on the real server."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from sparse_index.cluster import Cluster
from sparse_index.config.encoder import EncoderConfig
from sparse_index.errors import ModelError
from sparse_index.ml import commons
from sparse_index.ml.cores import ml_cores
from sparse_index.ml.usage import used_by
from sparse_index.ml.waits import Wait, wait_until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def model_url(demo_models: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(demo_models / "sparse")))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/model.zip"
    server.shutdown()
    server.server_close()


@pytest.fixture
def group(plain_cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"sparse-index--test--b20260101T000000-{abs(hash(request.node.name)) % 0xFFFFFF:06x}"
    yield name
    commons.remove_build_models(plain_cluster, name)
    assert commons.find_group(plain_cluster, name) is None


def file_encoder(path: Path) -> EncoderConfig:
    return EncoderConfig.model_validate(
        {"model": {"source": "file", "name": "demo-sparse", "version": "1.0.0", "path": str(path)}}
    )


def url_encoder(url: str, sha256: str) -> EncoderConfig:
    return EncoderConfig.model_validate(
        {"model": {"source": "url", "name": "demo-sparse", "version": "1.0.0", "url": url, "sha256": sha256}}
    )


def registered(cluster: Cluster, encoder: EncoderConfig, group: str) -> str:
    group_id = commons.create_group(cluster, group, "a test")
    started = commons.register(cluster, encoder, group_id, group)
    wait = Wait(kind="register", task_id=started.task_id, model_id=started.model_id, deadline_at=time.time() + 60)
    return wait_until(cluster, wait, poll_s=0.1)


def deployed(cluster: Cluster, model_id: str) -> str:
    task_id = commons.deploy(cluster, model_id)
    return wait_until(
        cluster,
        Wait(kind="deploy", task_id=task_id, model_id=model_id, deadline_at=time.time() + 60),
        poll_s=0.1,
    )


def tasks_of(cluster: Cluster, model_id: str) -> int:
    return int(
        cluster.post("/_plugins/_ml/tasks/_search", {"query": {"term": {"model_id": model_id}}})["hits"]["total"][
            "value"
        ]
    )


def test_a_file_is_uploaded_deployed_used_and_removed(plain_cluster: Cluster, demo_models: Path, group: str) -> None:
    model_id = registered(plain_cluster, file_encoder(demo_models / "sparse" / "model.zip"), group)
    deployed(plain_cluster, model_id)
    answer = plain_cluster.post(
        f"/_plugins/_ml/_predict/sparse_encoding/{model_id}", {"text_docs": ["the screen is cracked"]}
    )
    vector = answer["inference_results"][0]["output"][0]["dataAsMap"]["response"][0]
    assert {"screen", "cracked"} <= set(vector)
    removal = commons.remove_build_models(plain_cluster, group)
    assert removal.deleted == (model_id,)
    assert commons.get_model(plain_cluster, model_id) is None
    assert commons.find_group(plain_cluster, group) is None
    assert tasks_of(plain_cluster, model_id) == 0


def test_a_url_is_registered_once_however_often_it_is_asked_for(
    plain_cluster: Cluster, demo_models: Path, model_url: str, group: str
) -> None:
    sha256 = hashlib.sha256((demo_models / "sparse" / "model.zip").read_bytes()).hexdigest()
    first = registered(plain_cluster, url_encoder(model_url, sha256), group)
    assert registered(plain_cluster, url_encoder(model_url, sha256), group) == first
    deployed(plain_cluster, first)
    assert commons.deploy(plain_cluster, first) is None
    commons.undeploy(plain_cluster, first)
    commons.undeploy(plain_cluster, first)
    commons.delete_model(plain_cluster, first)
    commons.delete_model(plain_cluster, first)


def test_a_wrong_hash_says_which_setting_to_look_at(plain_cluster: Cluster, model_url: str, group: str) -> None:
    with pytest.raises(ModelError, match=r"FAILED.*sha256 is not the configured one"):
        registered(plain_cluster, url_encoder(model_url, "0" * 64), group)


def test_an_unreachable_url_is_said(plain_cluster: Cluster, group: str) -> None:
    with pytest.raises(ModelError, match="cannot reach the model's address"):
        registered(plain_cluster, url_encoder("http://127.0.0.1:9/model.zip", "0" * 64), group)


def test_an_unreachable_catalogue_is_said(plain_cluster: Cluster, group: str) -> None:
    encoder = EncoderConfig.model_validate(
        {
            "model": {
                "source": "pretrained",
                "name": "amazon/neural-sparse/opensearch-neural-sparse-encoding-v2-distill",
                "version": "1.0.0",
            }
        }
    )
    with pytest.raises(ModelError, match="cannot look up this host"):
        registered(plain_cluster, encoder, group)


def test_a_model_that_a_search_pipeline_names_is_kept(plain_cluster: Cluster, demo_models: Path, group: str) -> None:
    model_id = registered(plain_cluster, file_encoder(demo_models / "sparse" / "model.zip"), group)
    enricher = {"neural_query_enricher": {"default_model_id": model_id}}
    plain_cluster.put("/_search/pipeline/needs-it", {"request_processors": [enricher]})
    try:
        removal = commons.remove_build_models(plain_cluster, group)
        assert removal.deleted == ()
        assert "search pipeline 'needs-it'" in removal.kept[0]
        assert commons.get_model(plain_cluster, model_id) is not None
    finally:
        plain_cluster.delete("/_search/pipeline/needs-it")
    assert used_by(plain_cluster, model_id) == []


def test_cores_are_those_of_the_only_node(plain_cluster: Cluster) -> None:
    nodes = plain_cluster.get("/_nodes/os")["nodes"]
    assert ml_cores(plain_cluster) == next(iter(nodes.values()))["os"]["allocated_processors"]
