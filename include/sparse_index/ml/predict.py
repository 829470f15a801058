"""One predict request to a deployed model: texts in, an output each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparse_index.cluster.client import Cluster
from sparse_index.vectors.kind import VectorKind


def outputs(
    cluster: Cluster, model_id: str, kind: VectorKind, texts: Sequence[str], timeout_s: float | None = None
) -> Sequence[Any]:
    """What the model answers for each text, in order: the kind's output, or `Refused`; raises what the cluster answered.

    Never repeated by the client's policy: the server goes on with a request that timed out. None: the client's own timeout.
    """
    answer = cluster.request(
        "POST", kind.predict_path(model_id), kind.predict_body(texts), retry=False, timeout_s=timeout_s
    )
    return kind.read(answer, len(texts))
