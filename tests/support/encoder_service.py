"""A model server of somebody's own, and the connectors by which ML Commons asks it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sparse_index.cluster.client import Cluster
from sparse_index.ml import verbs

REMOTE = "remote "
SETTINGS = {
    "plugins.ml_commons.trusted_connector_endpoints_regex": [r"^http://127\.0\.0\.1:.*$"],
    "plugins.ml_commons.connector.private_ip_enabled": True,
}
# The legacy blueprints' way: a script makes the body, of one text each time.
ONE_TEXT = (
    'StringBuilder b = new StringBuilder("\\""); b.append(params.text_docs[0]); b.append("\\""); '
    'return "{\\"parameters\\":{\\"text\\":" + b + "}}";'
)


def weights(text: str) -> dict[str, float]:
    return dict.fromkeys(text.split(), 1.0)


# Path of the service -> what it answers to the texts of one call.
ANSWERS: dict[str, Callable[[list[str]], Any]] = {
    "list": lambda texts: [weights(text) for text in texts],
    "object": lambda texts: {"response": [weights(text) for text in texts]},
    "one": lambda texts: weights(texts[0]),
    "some": lambda texts: [None if "poison" in text else weights(text) for text in texts],
    "dense": lambda texts: [[0.1, 0.2] for _ in texts],
}


@dataclass
class EncoderService:
    """`calls`: the number of texts of each call. The path `fails` answers 500 when one of them is poisoned, `changing` what
    `changing` says of each text."""

    url: str = ""
    calls: list[int] = field(default_factory=list)
    changing: Callable[[str], dict[str, float]] = weights

    def answer(self, path: str, texts: list[str]) -> tuple[int, Any]:
        self.calls.append(len(texts))
        if path == "fails":
            poisoned = any("poison" in text for text in texts)
            return (500, {"error": "cannot"}) if poisoned else (200, ANSWERS["list"](texts))
        return 200, [self.changing(text) for text in texts] if path == "changing" else ANSWERS[path](texts)


@contextmanager
def encoder_service() -> Iterator[EncoderService]:
    service = EncoderService()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = service.answer(
                self.path.lstrip("/"), asked if isinstance(asked, list) else [asked["text"]]
            )
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keeps the test's output quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield service
        server.shutdown()
        thread.join()


@contextmanager
def connectors_allowed(cluster: Cluster) -> Iterator[None]:
    """Afterwards no remote model is left: a node takes ten models, and other tests need it."""
    cluster.put("/_cluster/settings", {"persistent": SETTINGS})
    yield
    named = {"size": 100, "query": {"prefix": {"name.keyword": REMOTE}}, "_source": False}
    for hit in cluster.post(f"{verbs.ML}/models/_search", named)["hits"]["hits"]:
        verbs.undeploy(cluster, hit["_id"])
        verbs.delete_model(cluster, hit["_id"])
    cluster.put("/_cluster/settings", {"persistent": dict.fromkeys(SETTINGS)})


def remote_model(cluster: Cluster, service: EncoderService, path: str, parameters: dict[str, str] | None = None) -> str:
    """A deployed model behind a connector of its own to that path; its id. `one`: the connector sends one text a call."""
    action = {
        "action_type": "predict",
        "method": "POST",
        "url": f"{service.url}/{path}",
        "headers": {"content-type": "application/json"},
        "request_body": '{"text": "${parameters.text}"}' if path == "one" else "${parameters.input}",
        "pre_process_function": ONE_TEXT if path == "one" else "connector.pre_process.default.embedding",
    }
    connector = {
        "name": f"encoder service {path}",
        "description": "",
        "version": 1,
        "protocol": "http",
        "parameters": parameters or {},
        "credential": {"key": "value"},
        "actions": [action],
    }
    connector_id = cluster.post("/_plugins/_ml/connectors/_create", connector, retry=None)["connector_id"]
    body = {"name": f"{REMOTE}{path}", "function_name": "remote", "connector_id": connector_id}
    return str(cluster.post("/_plugins/_ml/models/_register", body, retry=None, deploy="true")["model_id"])
