"""A model's whole life on the real server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest

from misbehaving_servers import file_server
from ml_verbs import (
    awaited,
    deployed,
    file_encoder,
    in_memory,
    life_with,
    registered,
    sparse_field,
    tasks_of,
    url_encoder,
)
from sparse_index.cluster.client import Cluster
from sparse_index.cluster.cores import ml_cores
from sparse_index.config.encoder import EncoderConfig
from sparse_index.console.cluster_models import breaker_counts, deployed_models, leftovers, running_tasks
from sparse_index.console.cluster_nodes import health, limits, nodes
from sparse_index.ml import verbs
from sparse_index.ml.build_models import build_models, remove
from sparse_index.ml.build_models import deployed as all_deployed
from sparse_index.ml.groups import create_group, find_group, marked_groups, models_in_group
from sparse_index.ml.life import encoder_fingerprint, life_of
from sparse_index.ml.sources import UPLOAD_CHUNK_BYTES, local_zip
from sparse_index.ml.usage import used_by
from sparse_index.names import group_name
from sparse_index.store.files import Store
from waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def group(plain_cluster: Cluster) -> Iterator[str]:
    name = group_name("lifecycle", f"20260101T000000-{uuid4().hex[:6]}")
    yield name
    verbs.remove_group(plain_cluster, name)
    assert find_group(plain_cluster, name) is None


@pytest.fixture
def model_zip(toy_models: Path) -> Path:
    return toy_models / "sparse" / "model.zip"


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_is_uploaded_deployed_used_and_removed(plain_cluster: Cluster, model_zip: Path, group: str) -> None:
    model_id = deployed(plain_cluster, registered(plain_cluster, file_encoder(model_zip), group))
    answer = plain_cluster.post(
        f"/_plugins/_ml/_predict/sparse_encoding/{model_id}", {"text_docs": ["the screen is cracked"]}
    )
    vector = answer["inference_results"][0]["output"][0]["dataAsMap"]["response"][0]
    assert {"screen", "cracked"} <= set(vector)
    removal = verbs.remove_group(plain_cluster, group)
    assert removal == verbs.Removal((model_id,), ())
    assert verbs.get_model(plain_cluster, model_id) is None
    assert find_group(plain_cluster, group) is None
    assert tasks_of(plain_cluster, model_id) == 0
    assert model_id not in in_memory(plain_cluster)


def test_the_console_sees_the_model_its_node_and_what_it_is_for(
    plain_cluster: Cluster, model_zip: Path, group: str, tmp_path: Path
) -> None:
    model_id = deployed(plain_cluster, registered(plain_cluster, file_encoder(model_zip), group))
    model = next(each for each in deployed_models(plain_cluster) if each.id == model_id)
    node = next(each for each in nodes(plain_cluster) if each.id in model.nodes)
    assert (model.name, list(model.nodes.values())) == ("toy-sparse", ["DEPLOYED"])
    assert model.bytes is not None
    assert node.heap_percent is not None
    assert node.disk_percent is not None
    assert {"low", "high", "flood_stage"} == set(limits(plain_cluster).watermarks)
    assert health(plain_cluster).nodes == 1
    assert list(breaker_counts(plain_cluster)) == [node.id]
    assert model_id not in {task.model_id for task in running_tasks(plain_cluster)}
    left = leftovers(plain_cluster, Store(str(tmp_path)), "lifecycle", lambda _: False)
    assert [thing for thing in left if thing.startswith(f"{group} is there: nobody knows the run")]
    assert marked_groups(plain_cluster, "somebody", "lifecycle") == [group]


def test_a_file_of_several_chunks_arrives_whole(
    plain_cluster: Cluster, model_zip: Path, group: str, tmp_path: Path
) -> None:
    # Zip readers look from the end, so bytes in front make a bigger file that is the same archive.
    big = tmp_path / "big.zip"
    big.write_bytes(b"\0" * (UPLOAD_CHUNK_BYTES * 2) + model_zip.read_bytes())
    assert local_zip(str(big)).chunks == 3
    model_id = registered(plain_cluster, file_encoder(big), group)
    document = verbs.get_model(plain_cluster, model_id)
    assert document is not None
    assert (document["total_chunks"], document["model_content_size_in_bytes"]) == (3, big.stat().st_size)
    group_id = find_group(plain_cluster, group)
    assert group_id is not None
    assert list(models_in_group(plain_cluster, group_id)) == [model_id]


class Twice(Cluster):
    """Every chunk of a model is sent again, as after an answer that was lost."""

    def _once(self, method: str, path: str, body: Any, arguments: dict[str, Any]) -> Any:
        if "upload_chunk" in path:
            super()._once(method, path, body, arguments)
        return super()._once(method, path, body, arguments)


def test_a_chunk_may_be_sent_twice(plain_cluster: Cluster, model_zip: Path, group: str, tmp_path: Path) -> None:
    big = tmp_path / "big.zip"
    big.write_bytes(b"\0" * UPLOAD_CHUNK_BYTES + model_zip.read_bytes())
    twice = Twice(plain_cluster._client)
    model_id = deployed(twice, registered(twice, file_encoder(big), group))
    assert model_id in in_memory(plain_cluster)


def test_a_url_is_registered_once_however_often_it_is_asked_for(
    plain_cluster: Cluster, model_zip: Path, group: str
) -> None:
    with file_server(model_zip.read_bytes()) as url:
        encoder = url_encoder(url, sha256_of(model_zip))
        first = registered(plain_cluster, encoder, group)
        assert registered(plain_cluster, encoder, group) == first
    deployed(plain_cluster, first)
    assert verbs.deploy(plain_cluster, first) is None
    verbs.undeploy(plain_cluster, first)
    verbs.undeploy(plain_cluster, first)
    verbs.delete_model(plain_cluster, first)
    verbs.delete_model(plain_cluster, first)


def test_a_register_killed_before_it_was_recorded_is_adopted(
    plain_cluster: Cluster, model_zip: Path, group: str
) -> None:
    whole = Event()
    with file_server(model_zip.read_bytes(), until=whole) as url:
        life = life_with(url_encoder(url, sha256_of(model_zip)))
        group_id = create_group(plain_cluster, group, "a test")
        life.register(plain_cluster, group_id)
        until(lambda: bool(models_in_group(plain_cluster, group_id)))
        adopted = life.register(plain_cluster, group_id)
        whole.set()
        model_id = awaited(plain_cluster, adopted)
    assert list(models_in_group(plain_cluster, group_id)) == [model_id]


def test_an_upload_killed_half_way_is_replaced_by_a_whole_one(
    plain_cluster: Cluster, model_zip: Path, group: str
) -> None:
    group_id = create_group(plain_cluster, group, "a test")
    source = local_zip(str(model_zip))
    half = plain_cluster.post(
        "/_plugins/_ml/models/_register_meta",
        {
            "name": "toy-sparse",
            "version": "1.0.0",
            "model_format": "TORCH_SCRIPT",
            "function_name": "SPARSE_ENCODING",
            "model_group_id": group_id,
            "model_content_hash_value": source.sha256,
            "model_content_size_in_bytes": source.size,
            "total_chunks": 2,
        },
    )["model_id"]
    whole = deployed(plain_cluster, registered(plain_cluster, file_encoder(model_zip), group))
    assert list(models_in_group(plain_cluster, group_id)) == [whole]
    assert whole != half


@pytest.mark.usefixtures("patient_removal")
def test_a_teardown_during_the_download_leaves_nothing(plain_cluster: Cluster, model_zip: Path, group: str) -> None:
    whole = Event()
    with file_server(model_zip.read_bytes(), until=whole) as url:
        group_id = create_group(plain_cluster, group, "a test")
        started = life_with(url_encoder(url, sha256_of(model_zip))).register(plain_cluster, group_id)
        removal = verbs.remove_group(plain_cluster, group)
        assert len(removal.deleted) == 1
        whole.set()
        task = f"/_plugins/_ml/tasks/{started.task_id}"
        until(lambda: plain_cluster.get(task)["state"] == "FAILED")
    query = {"query": {"term": {"model_group_id": group_id}}}
    assert plain_cluster.post("/_plugins/_ml/models/_search", query)["hits"]["hits"] == []
    assert verbs.get_model(plain_cluster, removal.deleted[0]) is None


def test_a_model_that_a_search_pipeline_names_is_kept_and_stays_deployed(
    plain_cluster: Cluster, model_zip: Path, group: str
) -> None:
    model_id = deployed(plain_cluster, registered(plain_cluster, file_encoder(model_zip), group))
    enricher = {"neural_query_enricher": {"default_model_id": model_id}}
    plain_cluster.put("/_search/pipeline/needs-it", {"request_processors": [enricher]})
    try:
        assert verbs.undeploy_group(plain_cluster, group) == []
        removal = verbs.remove_group(plain_cluster, group)
        assert removal.deleted == ()
        assert "search pipeline 'needs-it'" in removal.kept[0]
        assert model_id in in_memory(plain_cluster)
    finally:
        plain_cluster.delete("/_search/pipeline/needs-it")
    assert used_by(plain_cluster, model_id) == []


def test_a_model_that_an_index_of_the_alias_names_is_found(plain_cluster: Cluster) -> None:
    index = "lifecycle--b20260101t000000-abcdef"
    plain_cluster.put(f"/{index}", {"mappings": {"_meta": {"query_model": "some-model-id"}}})
    try:
        assert used_by(plain_cluster, "some-model-id", "lifecycle") == [f"index '{index}'"]
        assert used_by(plain_cluster, "another-model-id", "lifecycle") == []
    finally:
        plain_cluster.delete(f"/{index}")


def test_a_registered_model_is_used_as_it_is_and_never_deleted(
    plain_cluster: Cluster, model_zip: Path, group: str
) -> None:
    theirs = deployed(plain_cluster, registered(plain_cluster, file_encoder(model_zip), group))
    field = sparse_field(EncoderConfig.model_validate({"model": {"source": "model_id", "model_id": theirs}}))
    models = build_models(group, {"f1": field})
    assert all_deployed(plain_cluster, models) == {"f1": theirs}
    assert life_of(field).content_sha256(plain_cluster) == sha256_of(model_zip)
    assert remove(plain_cluster, models) == verbs.Removal((), ()), "not even by the name of the group that it is in"
    assert theirs in in_memory(plain_cluster)


def test_the_fingerprint_of_a_file_follows_its_content(plain_cluster: Cluster, model_zip: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.zip"
    copy.write_bytes(model_zip.read_bytes())
    before = encoder_fingerprint(plain_cluster, sparse_field(file_encoder(copy)))
    assert before == encoder_fingerprint(plain_cluster, sparse_field(file_encoder(model_zip)))
    copy.write_bytes(model_zip.read_bytes() + b"-")
    assert encoder_fingerprint(plain_cluster, sparse_field(file_encoder(copy))) != before


def test_cores_are_those_of_the_only_node(plain_cluster: Cluster) -> None:
    nodes = plain_cluster.get("/_nodes/os")["nodes"]
    assert ml_cores(plain_cluster) == next(iter(nodes.values()))["os"]["allocated_processors"]
