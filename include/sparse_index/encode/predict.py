"""One predict request, and what its failure means."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any

from opensearchpy import exceptions as client_errors

from sparse_index.cluster.client import Cluster
from sparse_index.cluster.cores import running_predicts
from sparse_index.cluster.errors import GATEWAY_TIMED_OUT
from sparse_index.errors import (
    AccessError,
    ModelError,
    OverloadedError,
    SparseIndexError,
    TransientError,
)
from sparse_index.ml.predict import is_not_ready, outputs
from sparse_index.timing import Timing
from sparse_index.vectors.kind import VectorKind

log = logging.getLogger(__name__)

READY_POLL_S = 2.0
# After a restart of a node ML Commons redeploys by itself within about 14 s; only then it is our turn.
REDEPLOY_AFTER_S = 60.0


class Trouble(Enum):
    """Why a predict request failed, as far as it decides what to do next."""

    TIMED_OUT = auto()
    UNREACHABLE = auto()
    OVERLOADED = auto()
    NOT_READY = auto()
    DOCUMENT = auto()
    FATAL = auto()


def trouble_of(error: BaseException) -> Trouble:
    """DOCUMENT: some text of the request may be at fault. FATAL: no request can succeed."""
    if isinstance(error, OverloadedError):
        return Trouble.OVERLOADED
    if isinstance(error, TransientError):
        timed_out = isinstance(error.__cause__, client_errors.ConnectionTimeout)
        return Trouble.TIMED_OUT if timed_out or error.status in GATEWAY_TIMED_OUT else Trouble.UNREACHABLE
    if not isinstance(error, SparseIndexError) or isinstance(error, AccessError | ModelError):
        return Trouble.FATAL
    if is_not_ready(error):
        return Trouble.NOT_READY
    return Trouble.FATAL if error.status == 404 else Trouble.DOCUMENT


@contextmanager
def of_field(name: str) -> Iterator[None]:
    """What is wrong with a model is said of the vector field that it is for; who reads its answers does not know the name."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"Vector field '{name}': {error.message}", error.status, error.reason) from error


class Predictor:
    """Predict requests to one deployed model. Never repeated by the client policy: the server goes on with a request
    that timed out, so the caller lets its pool drain first."""

    def __init__(
        self, cluster: Cluster, model_id: str, kind: VectorKind, request_timeout_s: float, *, ours: bool = True
    ) -> None:
        self._cluster = cluster
        self.kind = kind
        self.model_id = model_id
        self._ours = ours
        self._request_timeout_s = request_timeout_s
        self._lock = threading.Lock()
        self.calls = 0

    def __call__(self, texts: Sequence[str]) -> Sequence[Any]:
        """The model's output for each text, in order, or `Refused`: why it has none; raises what the cluster answered."""
        with self._lock:
            self.calls += 1
        return self._outputs(texts)

    def _outputs(self, texts: Sequence[str]) -> Sequence[Any]:
        return outputs(self._cluster, self.model_id, self.kind, texts, self._request_timeout_s)

    def require_model(self) -> None:
        """`ModelError` when the model is gone, as after clearing a single task of an ended run."""
        if self._cluster.find(f"/_plugins/_ml/models/{self.model_id}") is None:
            raise ModelError(
                f"Model {self.model_id} of this build is gone. Clear the task with 'only failed' off, or trigger a new "
                "run (finished chunks are kept).",
                404,
            )

    def waiting(self) -> int | None:
        """Predict requests that the ML nodes work on or have queued, ours and others'; None when nobody can say."""
        try:
            return running_predicts(self._cluster)
        except SparseIndexError:
            return None

    def wait_until_ready(self, text: str, deadline_s: float, timing: Timing) -> None:
        """Wait for redeployment after an outage, by asking for `text`; at most one redeploy is started, of our own model.

        The model document says DEPLOYED long before predict works, so only predict itself can tell.
        """
        log.warning("Model %s is not ready (a node restarted?); waiting for its redeployment.", self.model_id)
        started, redeployed = timing.clock(), False
        while not self._answers(text):
            waited = timing.clock() - started
            if waited > deadline_s:
                raise ModelError(
                    f"Model {self.model_id} was not ready again after {waited:.0f} s (encoder.deploy_deadline_s). "
                    "See the ML nodes' logs and memory, then run again: finished chunks are kept."
                )
            if waited > REDEPLOY_AFTER_S and self._ours and not redeployed:
                redeployed = True
                self._redeploy()
            timing.sleep(READY_POLL_S)

    def _answers(self, text: str) -> bool:
        self.require_model()
        try:
            self([text])
        except SparseIndexError as error:
            kind = trouble_of(error)
            if kind is Trouble.FATAL:
                raise
            # Any other answer means that the model works again; whose fault it is will be seen with the batch.
            return kind is Trouble.DOCUMENT
        return True

    def _redeploy(self) -> None:
        log.warning("Model %s did not come back by itself; deploying it again, once.", self.model_id)
        self._cluster.post(f"/_plugins/_ml/models/{self.model_id}/_deploy", retry=OverloadedError)
