"""A model server that misbehaves, and a time that passes only in sleep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fake_opensearch import http_error

MODEL = "m1"
Fault = Callable[[list[str]], None]


class ModelServer:
    """Answers predict with one token a word; `fault` may raise before. Keeps what it was asked."""

    def __init__(
        self, fault: Fault = lambda texts: None, busy: int = 0, refused: Callable[[str], bool] = lambda text: False
    ) -> None:
        self.fault, self.busy, self.refused = fault, busy, refused
        self.requests: list[list[str]] = []
        self.redeploys = 0
        self.model_is_there = True

    def __call__(self, method: str, path: str, body: Any) -> Any:
        if path.endswith("/_predict/sparse_encoding/" + MODEL):
            return self.predict(body["text_docs"])
        if path == f"/_plugins/_ml/models/{MODEL}":
            if not self.model_is_there:
                raise http_error(404, "status_exception", "Failed to find model")
            return {"model_state": "DEPLOYED"}
        if path == "/_nodes/stats/thread_pool":
            self.busy = max(0, self.busy - 1)
            return {"nodes": {"n": {"thread_pool": {"opensearch_ml_predict": {"active": self.busy, "queue": 0}}}}}
        if path.endswith("/_deploy"):
            self.redeploys += 1
            return {"task_id": "t"}
        raise http_error(404, "unknown_path", path)

    def predict(self, texts: list[str]) -> Any:
        self.requests.append(texts)
        self.fault(texts)
        outputs = [None if self.refused(text) else dict.fromkeys(text.split(), 1.0) for text in texts]
        return {"inference_results": [{"output": [{"dataAsMap": {"response": [output]}}]} for output in outputs]}


class FakeTime:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        self.now += 0.001
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


class Sometimes:
    """Raises `error()` for the requests whose number is in `numbers`, or for the first `first` ones."""

    def __init__(self, error: Callable[[], Exception], first: int) -> None:
        self.error, self.left = error, first

    def __call__(self, asked: list[str]) -> None:
        if self.left > 0:
            self.left -= 1
            raise self.error()
