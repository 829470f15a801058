"""Run models of a folder inside an OpenSearch server: register, deploy, predict, and leave nothing behind."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

from sparse_index.cluster.client import Cluster
from sparse_index.cluster.cores import ML_NODES_ONLY
from sparse_index.errors import ModelError, OverloadedError
from sparse_index.ml.groups import create_group
from sparse_index.ml.predict import answers_as
from sparse_index.ml.sources import FROM_URL
from sparse_index.ml.verbs import ML, deploy, remove_group
from sparse_index.ml.waits import WaitKind, wait_for
from sparse_index.ml.watching import wait_until

TOY_MODELS = Path(__file__).with_name("toy_models")
ML_SETTINGS = {ML_NODES_ONLY: "false", FROM_URL: "true"}
DEADLINE_S = 120.0
POLL_S = 0.2
_TEXTS_PER_REQUEST = 16


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Downloads of our own files are not news."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder over HTTP on a free loopback port; yields the base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def deployed(cluster: Cluster, folder: Path) -> Iterator[str]:
    """Register and deploy the model of `folder`, yield its id; remove it whatever happens."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    group = f"sparse-index-demo-{folder.name}-{uuid4().hex[:6]}"
    try:
        with served(folder) as base_url:
            model = config | {"url": f"{base_url}/model.zip", "model_group_id": create_group(cluster, group, group)}
            started = cluster.post(f"{ML}/models/_register", model, retry=OverloadedError)
            model_id = _awaited(cluster, "register", task_id=started["task_id"])
        _awaited(cluster, "deploy", task_id=deploy(cluster, model_id), model_id=model_id)
        _wait_until_it_answers(cluster, model_id, config["function_name"])
        yield model_id
    finally:
        remove_group(cluster, group)


def _awaited(cluster: Cluster, kind: WaitKind, *, task_id: str | None, model_id: str | None = None) -> str:
    wait = wait_for(kind, DEADLINE_S, now=time.time(), task_id=task_id, model_id=model_id)
    return wait_until(cluster, wait, poll_s=POLL_S)


def _wait_until_it_answers(cluster: Cluster, model_id: str, function: str) -> None:
    """A model says that it is deployed a moment before it answers."""
    deadline = time.monotonic() + DEADLINE_S
    while not answers_as(cluster, model_id, function):
        if time.monotonic() > deadline:
            raise ModelError(f"Model {model_id} is deployed, and does not answer after {DEADLINE_S:.0f} s.")
        time.sleep(POLL_S)


def encode_sparse(cluster: Cluster, model_id: str, texts: Sequence[str]) -> list[dict[str, float]]:
    """Token weights of each text."""
    return [output["dataAsMap"]["response"][0] for output in _predict(cluster, "sparse_encoding", model_id, texts)]


def encode_dense(cluster: Cluster, model_id: str, texts: Sequence[str]) -> list[list[float]]:
    """A vector of each text."""
    return [output["data"] for output in _predict(cluster, "text_embedding", model_id, texts)]


def similarities(cluster: Cluster, model_id: str, query: str, texts: Sequence[str]) -> list[float]:
    """How well each text answers the query, higher is better."""
    body = {"query_text": query, "text_docs": list(texts)}
    answer = cluster.post(f"{ML}/_predict/text_similarity/{model_id}", body)
    return [float(result["output"][0]["data"][0]) for result in answer["inference_results"]]


def _predict(cluster: Cluster, kind: str, model_id: str, texts: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    for start in range(0, len(texts), _TEXTS_PER_REQUEST):
        body: dict[str, Any] = {"text_docs": list(texts[start : start + _TEXTS_PER_REQUEST])}
        if kind == "text_embedding":
            body |= {"return_number": True, "target_response": ["sentence_embedding"]}
        answer = cluster.post(f"{ML}/_predict/{kind}/{model_id}", body)
        yield from (result["output"][0] for result in answer["inference_results"])
