"""What can go wrong with a model, provoked for real: each says cause and remedy, and leaves nothing behind."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from uuid import uuid4

import pytest

from misbehaving_servers import file_server
from ml_verbs import deployed, file_encoder, in_memory, life_with, registered, url_encoder
from sparse_index.cluster.client import Cluster
from sparse_index.config.encoder import EncoderConfig
from sparse_index.errors import ConfigError, ModelError, OverloadedError
from sparse_index.ml import verbs
from sparse_index.ml.groups import create_group, find_group
from sparse_index.ml.states import ModelState
from sparse_index.ml.waits import Wait
from sparse_index.ml.watching import wait_until
from sparse_index.names import group_name
from waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def group(plain_cluster: Cluster) -> Iterator[str]:
    """Afterwards nothing of ours is left, whatever went wrong."""
    name = group_name("failures", f"20260101T000000-{uuid4().hex[:6]}")
    before = in_memory(plain_cluster)
    yield name
    verbs.remove_group(plain_cluster, name)
    assert find_group(plain_cluster, name) is None
    assert in_memory(plain_cluster) == before


@pytest.fixture
def model_zip(toy_models: Path) -> Path:
    return toy_models / "sparse" / "model.zip"


def zip_of(path: Path, source: Path, *, without: str = "", replacing: str = "") -> Path:
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(path, "w") as copy:
        for name in archive.namelist():
            if not without or not name.endswith(without):
                copy.writestr(name, b"garbage" if replacing and name.endswith(replacing) else archive.read(name))
    return path


@contextmanager
def setting(cluster: Cluster, name: str, value: object) -> Iterator[None]:
    cluster.put("/_cluster/settings", {"transient": {name: value}})
    try:
        yield
    finally:
        cluster.put("/_cluster/settings", {"transient": {name: None}})


def test_a_wrong_hash(plain_cluster: Cluster, model_zip: Path, group: str) -> None:
    with (
        file_server(model_zip.read_bytes()) as url,
        pytest.raises(ModelError, match=r"task \S+ is FAILED.*sha256 is not the configured one"),
    ):
        registered(plain_cluster, url_encoder(url, "0" * 64), group)


def test_an_address_nobody_answers_at(plain_cluster: Cluster, group: str) -> None:
    with pytest.raises(ModelError, match="cannot fetch the model from its address"):
        registered(plain_cluster, url_encoder("http://127.0.0.1:9/model.zip", "0" * 64), group)


def test_a_catalogue_that_cannot_be_reached_or_does_not_have_the_model(plain_cluster: Cluster, group: str) -> None:
    model = {"source": "pretrained", "name": "example/no-such-model", "version": "1.0.0"}
    with pytest.raises(ModelError, match=r"did not register.*FAILED"):
        registered(plain_cluster, EncoderConfig.model_validate({"model": model}), group)


def test_an_address_the_cluster_does_not_trust_is_refused_at_once(plain_cluster: Cluster, group: str) -> None:
    with pytest.raises(ModelError, match=r"was not registered.*trusted url regex"):
        registered(plain_cluster, url_encoder("no-address", "0" * 64), group)


def test_a_zip_without_tokenizer(plain_cluster: Cluster, model_zip: Path, group: str, tmp_path: Path) -> None:
    encoder = file_encoder(zip_of(tmp_path / "bare.zip", model_zip, without="tokenizer.json"))
    with pytest.raises(ConfigError, match=r"needs tokenizer\.json at its top level"):
        life_with(encoder).require_usable(plain_cluster)
    model_id = registered(plain_cluster, encoder, group)
    with pytest.raises(ModelError, match=r"did not deploy.*FAILED.*no usable tokenizer\.json"):
        deployed(plain_cluster, model_id)


def test_a_file_that_is_no_zip(plain_cluster: Cluster, group: str, tmp_path: Path) -> None:
    path = tmp_path / "text.zip"
    path.write_text("not a zip")
    with pytest.raises(ConfigError, match="cannot be read as a zip"):
        life_with(file_encoder(path)).require_usable(plain_cluster)
    with pytest.raises(ModelError, match=r"FAILED.*pack it anew"):
        deployed(plain_cluster, registered(plain_cluster, file_encoder(path), group))


def test_a_model_file_that_is_damaged(plain_cluster: Cluster, model_zip: Path, group: str, tmp_path: Path) -> None:
    path = zip_of(tmp_path / "damaged.zip", model_zip, replacing=".pt")
    with pytest.raises(ModelError, match=r"FAILED.*pack it anew"):
        deployed(plain_cluster, registered(plain_cluster, file_encoder(path), group))


@pytest.mark.parametrize(("content", "says"), [(None, "does not exist"), (b"", "is empty")])
def test_a_file_that_is_not_there_or_empty(
    plain_cluster: Cluster, group: str, tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "model.zip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        registered(plain_cluster, file_encoder(path), group)


def test_a_full_node(plain_cluster: Cluster, model_zip: Path, group: str) -> None:
    first = deployed(plain_cluster, registered(plain_cluster, file_encoder(model_zip), group))
    group_id = find_group(plain_cluster, group)
    assert group_id is not None
    source = life_with(file_encoder(model_zip)).source
    assert source is not None
    second = source.register(plain_cluster, group_id).model_id
    assert second is not None
    with (
        setting(plain_cluster, "plugins.ml_commons.max_model_on_node", len(in_memory(plain_cluster))),
        pytest.raises(OverloadedError, match=r"as many models as they may, those of other runs among them: wait"),
    ):
        deployed(plain_cluster, second)
    assert first in in_memory(plain_cluster)
    until(lambda: (verbs.get_model(plain_cluster, second) or {})["model_state"] == ModelState.DEPLOY_FAILED)
    assert deployed(plain_cluster, second) == second


def test_an_open_memory_breaker(plain_cluster: Cluster, model_zip: Path, group: str) -> None:
    model_id = registered(plain_cluster, file_encoder(model_zip), group)
    with (
        setting(plain_cluster, "plugins.ml_commons.jvm_heap_memory_threshold", 1),
        pytest.raises(OverloadedError, match="breaker is open: free memory"),
    ):
        deployed(plain_cluster, model_id)
    # The task has failed before the model's document says so, which a second deployment would take for one under way.
    until(lambda: (verbs.get_model(plain_cluster, model_id) or {})["model_state"] == ModelState.DEPLOY_FAILED)
    assert deployed(plain_cluster, model_id) == model_id


def test_a_full_heap_is_waited_for(plain_cluster: Cluster, model_zip: Path, group: str) -> None:
    """The parent circuit breaker of the node refuses every request but that which sets its limit."""
    refused = Event()

    def sleep(seconds: float) -> None:
        refused.set()
        time.sleep(seconds)

    waiting = Cluster(plain_cluster._client, sleep=sleep)
    with ThreadPoolExecutor(1) as others:
        with setting(plain_cluster, "indices.breaker.total.limit", "1%"):
            working = others.submit(lambda: deployed(waiting, registered(waiting, file_encoder(model_zip), group)))
            assert refused.wait(30)
        model_id = working.result()
    assert model_id in in_memory(plain_cluster)


def test_a_cluster_without_a_node_for_models(plain_cluster: Cluster, model_zip: Path, group: str) -> None:
    model_id = registered(plain_cluster, file_encoder(model_zip), group)
    with (
        setting(plain_cluster, "plugins.ml_commons.only_run_on_ml_node", "true"),
        pytest.raises(ModelError, match=r"was not deployed.*no node may run models"),
    ):
        deployed(plain_cluster, model_id)


def test_a_source_the_cluster_does_not_allow(plain_cluster: Cluster, model_zip: Path, group: str) -> None:
    with (
        setting(plain_cluster, "plugins.ml_commons.allow_registering_model_via_local_file", "false"),
        pytest.raises(ModelError, match="allow_registering_model_via_local_file"),
    ):
        registered(plain_cluster, file_encoder(model_zip), group)


def test_a_download_that_stands_still_ends_at_the_standstill_limit(
    plain_cluster: Cluster, model_zip: Path, group: str
) -> None:
    with file_server(model_zip.read_bytes(), until=Event()) as url:
        group_id = create_group(plain_cluster, group, "a test")
        started = life_with(url_encoder(url, "0" * 64)).register(plain_cluster, group_id)
        wait = Wait(kind="register", task_id=started.task_id, deadline_at=time.time() + 600, standstill_s=2)
        with pytest.raises(
            ModelError, match=rf"nothing has moved for \d+ s; last state: task {started.task_id} CREATED"
        ):
            wait_until(plain_cluster, wait, poll_s=0.2)
        late = wait.model_copy(update={"deadline_at": time.time() + 1, "standstill_s": 600})
        with pytest.raises(ModelError, match=r"the deadline is over; last state: task \S+ CREATED.*new run"):
            wait_until(plain_cluster, late, poll_s=0.2)
        verbs.remove_group(plain_cluster, group)
