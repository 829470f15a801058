"""The proof that nothing needs a model any more."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from sparse_index.cluster.client import Cluster, Json
from sparse_index.errors import AccessError
from sparse_index.names import candidate_pattern


def used_by(cluster: Cluster, model_id: str, alias: str | None = None) -> list[str]:
    """What names the model: search and ingest pipelines, and mapping or settings of the indices of `alias`.

    Each as "search pipeline 'x'". A user who may not read search pipelines or the alias's own indices cannot prove
    anything: AccessError. Ingest pipelines are read if allowed.
    """
    found = _naming(cluster.find("/_search/pipeline"), "search pipeline", model_id)
    if alias is not None:
        # `GET /<pattern>` gives mapping and settings in one answer: a semantic field or a default pipeline names models.
        found += _naming(cluster.find(f"/{candidate_pattern(alias)}?expand_wildcards=all"), "index", model_id)
    try:
        return found + _naming(cluster.find("/_ingest/pipeline"), "ingest pipeline", model_id)
    except AccessError:
        return found


def kept_for(model_id: str, users: Sequence[str]) -> str:
    """Why a model stays, in words; `users`: see `used_by`."""
    return f"model {model_id} is kept: {', '.join(users)} refers to it"


def _naming(things: Json | None, kind: str, model_id: str) -> list[str]:
    needle = model_id.encode()
    return [f"{kind} '{name}'" for name, body in (things or {}).items() if needle in orjson.dumps(body)]
