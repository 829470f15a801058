"""One predict request to a deployed model: texts in, an output each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sparse_index.cluster.client import Cluster
from sparse_index.errors import OverloadedError, SparseIndexError, TerminalError
from sparse_index.vectors.kind import VectorKind

_NOT_READY = "not ready yet"
# ML Commons' name for what a re-ranker does.
RERANKER = "TEXT_SIMILARITY"
ANY_TEXT = "Does this model answer?"


def outputs(
    cluster: Cluster,
    model_id: str,
    kind: VectorKind,
    texts: Sequence[str],
    timeout_s: float | None = None,
    retry: type[OverloadedError] | None = None,
) -> Sequence[Any]:
    """What the model answers for each text, in order: the kind's output, or `Refused`; raises what the cluster answered.

    Never repeated by the client's policy, as the server goes on with a request that timed out; `retry`: but after a 429, of which
    the server did nothing. `timeout_s` None: the client's own.
    """
    answer = cluster.request(
        "POST", kind.predict_path(model_id), kind.predict_body(texts), retry=retry, timeout_s=timeout_s
    )
    return kind.read(answer, len(texts))


def answers(cluster: Cluster, model_id: str, kind: VectorKind, timeout_s: float | None = None) -> bool:
    """Whether the model answers now, with what the kind reads; False for one that is gone or not deployed. Its document does
    not tell: after a restart it says DEPLOYED for as long as 20 s before that is so. Raises what else cluster and kind say."""
    return is_there(lambda: outputs(cluster, model_id, kind, [ANY_TEXT], timeout_s))


def answers_as(cluster: Cluster, model_id: str, function: str) -> bool:
    """`answers` for a model of which only its function is known: whatever it says."""
    asked = {"query_text": ANY_TEXT} if function == RERANKER else {}
    path = f"/_plugins/_ml/_predict/{function.lower()}/{model_id}"
    return is_there(lambda: cluster.request("POST", path, {"text_docs": [ANY_TEXT], **asked}, retry=None))


def is_there(ask: Callable[[], object]) -> bool:
    """Whether a model that is asked by `ask` answers now, see `answers`."""
    try:
        ask()
    except TerminalError as error:
        if error.status == 404 or is_not_ready(error):
            return False
        raise
    return True


def is_not_ready(error: SparseIndexError) -> bool:
    """Whether that is what a request to a model that is not deployed is told, whatever its document says."""
    return _NOT_READY in f"{error.message} {error.reason}"
