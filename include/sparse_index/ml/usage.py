"""The proof that nothing needs a model any more."""

from __future__ import annotations

import orjson

from sparse_index.cluster import Cluster, Json
from sparse_index.errors import AccessError, TerminalError


def used_by(cluster: Cluster, model_id: str) -> list[str]:
    """Search and ingest pipelines that name the model, as "search pipeline 'x'".

    A user who may not read search pipelines cannot prove anything: AccessError. Ingest pipelines are read if allowed.
    """
    found = _naming(_pipelines(cluster, "/_search/pipeline"), "search pipeline", model_id)
    try:
        return found + _naming(_pipelines(cluster, "/_ingest/pipeline"), "ingest pipeline", model_id)
    except AccessError:
        return found


def _pipelines(cluster: Cluster, path: str) -> Json:
    try:
        answer: Json = cluster.get(path)
    except TerminalError as error:
        if error.status == 404:
            return {}
        raise
    return answer


def _naming(pipelines: Json, kind: str, model_id: str) -> list[str]:
    needle = model_id.encode()
    return [f"{kind} '{name}'" for name, body in pipelines.items() if needle in orjson.dumps(body)]
