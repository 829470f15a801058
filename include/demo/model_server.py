"""Run the demonstration models inside an OpenSearch server: register, deploy, predict, and leave nothing behind."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from opensearchpy import OpenSearch

MODELS_DIR = Path(__file__).with_name("models")
ML_SETTINGS = {
    "plugins.ml_commons.only_run_on_ml_node": "false",
    "plugins.ml_commons.allow_registering_model_via_url": "true",
}
_POLL_SECONDS = 0.2
_DEADLINE_SECONDS = 120.0
_TEXTS_PER_REQUEST = 16


class ModelServerError(RuntimeError):
    """A model could not be registered or deployed; the message holds the task's own words."""


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
def deployed(client: OpenSearch, folder: Path) -> Iterator[str]:
    """Register and deploy the model of `folder`, yield its id, undeploy and delete it."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    with served(folder) as base_url:
        started = _ml(client, "POST", "/models/_register", {**config, "url": f"{base_url}/model.zip"})
        model_id = str(_finished(client, started["task_id"])["model_id"])
    try:
        _finished(client, _ml(client, "POST", f"/models/{model_id}/_deploy", {})["task_id"])
        yield model_id
    finally:
        _ml(client, "POST", f"/models/{model_id}/_undeploy", {})
        _ml(client, "DELETE", f"/models/{model_id}")


def _finished(client: OpenSearch, task_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    task: dict[str, Any] = {}
    while time.monotonic() < deadline:
        task = _ml(client, "GET", f"/tasks/{task_id}")
        if task["state"] == "COMPLETED":
            return task
        if task["state"] == "FAILED":
            break
        time.sleep(_POLL_SECONDS)
    raise ModelServerError(f"ML Commons task {task_id} is {task.get('state')}: {task.get('error', 'no error given')}")


def encode_sparse(client: OpenSearch, model_id: str, texts: Sequence[str]) -> list[dict[str, float]]:
    """Token weights of each text."""
    return [output["dataAsMap"]["response"][0] for output in _predict(client, "sparse_encoding", model_id, texts)]


def encode_dense(client: OpenSearch, model_id: str, texts: Sequence[str]) -> list[list[float]]:
    """A vector of each text."""
    return [output["data"] for output in _predict(client, "text_embedding", model_id, texts)]


def similarities(client: OpenSearch, model_id: str, query: str, texts: Sequence[str]) -> list[float]:
    """How well each text answers the query, higher is better."""
    body = {"query_text": query, "text_docs": list(texts)}
    answer = _ml(client, "POST", f"/_predict/text_similarity/{model_id}", body)
    return [float(result["output"][0]["data"][0]) for result in answer["inference_results"]]


def _predict(client: OpenSearch, kind: str, model_id: str, texts: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    for start in range(0, len(texts), _TEXTS_PER_REQUEST):
        body: dict[str, Any] = {"text_docs": list(texts[start : start + _TEXTS_PER_REQUEST])}
        if kind == "text_embedding":
            body |= {"return_number": True, "target_response": ["sentence_embedding"]}
        answer = _ml(client, "POST", f"/_predict/{kind}/{model_id}", body)
        yield from (result["output"][0] for result in answer["inference_results"])


def _ml(client: OpenSearch, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = client.transport.perform_request(method, f"/_plugins/_ml{path}", body=body)
    return answer
