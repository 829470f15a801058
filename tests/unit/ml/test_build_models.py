"""The models of one build together: what is begun once, what is waited for, what is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from fake_opensearch import fake_cluster
from sparse_index.config.vectors import DenseField, SparseField, VectorField
from sparse_index.errors import ModelError, OverloadedError
from sparse_index.ml.build_models import BuildModels, build_models
from sparse_index.ml.waits import Started, WaitStatus
from sparse_index.ml.watching import Watched, look_at
from sparse_index.names import group_name

GROUP = group_name("things", "20260101T000000-abcdef")
URL = {"source": "url", "name": "tokens", "version": "1", "url": "http://h/m.zip", "sha256": "0" * 64}
NUMBERS = URL | {"name": "numbers", "sha256": "1" * 64, "model_config_body": {"embedding_dimension": 3}}
DEADLINES = {"register_deadline_s": 10, "deploy_deadline_s": 10}


def sparse(**encoder: Any) -> SparseField:
    return SparseField.model_validate({"kind": "sparse", "encoder": {"model": URL, **DEADLINES, **encoder}})


def dense(model: dict[str, Any]) -> DenseField:
    return DenseField.model_validate({"kind": "dense", "dimension": 3, "encoder": {"model": model, **DEADLINES}})


FIELDS: dict[str, VectorField] = {
    "whole": sparse(),
    "pruned": sparse(pruning={"type": "top_k", "value": 3}),
    "numbers": dense(NUMBERS),
    "given": dense({"source": "model_id", "model_id": "m9"}),
}


class Server:
    """Registers and deploys at once; a task is named after the request that began it."""

    def __init__(self) -> None:
        self.registered: list[str] = []
        self.deployed: list[str] = []

    def answer(self, method: str, path: str, body: Any) -> Any:
        if path.endswith("models/_search"):
            return {"hits": {"hits": []}}
        if path.endswith("/_register"):
            self.registered.append(body["name"])
            return {"task_id": f"t-{body['name']}"}
        if path.endswith("/_deploy"):
            self.deployed.append(path.split("/")[-2])
            return {"task_id": f"d-{self.deployed[-1]}"}
        if "/tasks/" in path:
            return {"state": "COMPLETED", "model_id": path.rsplit("-", maxsplit=1)[-1]}
        return {"model_state": "REGISTERED"}


@pytest.fixture
def models() -> BuildModels:
    return build_models(GROUP, FIELDS)


def test_encoders_that_share_a_model_begin_it_once(models: BuildModels) -> None:
    server = Server()
    cluster = fake_cluster(server.answer)
    started = models.register(cluster, "g1")
    assert server.registered == ["tokens", "numbers"]
    assert started["whole"] == started["pruned"] == Started(task_id="t-tokens")
    assert started["given"] == Started(model_id="m9")
    ids = look_at(cluster, models.watched("register", started, now=0.0), 1.0).model_ids()
    assert ids == {"whole": "tokens", "pruned": "tokens", "numbers": "numbers", "given": "m9"}
    models.deploy(cluster, ids)
    assert server.deployed == ["tokens", "numbers"], "neither twice, nor one that is not ours"


def test_a_build_of_given_models_alone_asks_for_no_group() -> None:
    models = build_models(GROUP, {"given": FIELDS["given"]})
    cluster = fake_cluster(lambda *request: pytest.fail(str(request)))
    assert models.create_group(cluster) == ""
    assert models.watched("deploy", models.deploy(cluster, {"given": "m9"}), now=0.0).is_over


def status(state: str, **more: Any) -> WaitStatus:
    return WaitStatus.model_validate({"state": state, "detail": f"it is {state}", **more})


def seen(models: BuildModels, **statuses: WaitStatus) -> Watched:
    started = {name: Started(task_id=name) for name in ("whole", "numbers")}
    return models.watched("register", started, now=0.0).now_seen(statuses)


def test_a_wait_is_over_with_the_last_model_or_the_first_failure(models: BuildModels) -> None:
    done, waiting, failed = status("done", model_id="m"), status("waiting"), status("failed")
    assert not seen(models).is_over
    assert not seen(models, whole=done, numbers=waiting).is_over
    assert seen(models, whole=waiting, numbers=failed).is_over
    assert list(seen(models, whole=done, numbers=waiting).pending()) == ["numbers"]
    with pytest.raises(ModelError, match="The model did not register: numbers: it is failed"):
        seen(models, whole=waiting, numbers=failed).model_ids()
    with pytest.raises(OverloadedError, match="could not register for now: numbers: it is failed"):
        seen(models, whole=done, numbers=status("failed", refused=True)).model_ids()
