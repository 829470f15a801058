"""An index like a candidate, made and deleted again: what refuses the one would have refused the other, hours later.

It has a name of its own. Killed in between it leaves a candidate that never went live, which the next build removes.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from sparse_index.addresses import public_address
from sparse_index.cluster.client import Cluster, Json
from sparse_index.cluster.errors import of_status, reason_of
from sparse_index.config.corpus import CorpusConfig
from sparse_index.creation.create import allocation_rules, create_index, removed, try_out
from sparse_index.creation.mapping import index_body, vector_properties
from sparse_index.errors import AccessError, BuildError, TerminalError
from sparse_index.live.alias import observe_alias
from sparse_index.live.attached import observe_attached
from sparse_index.live.meta import Meta
from sparse_index.names import candidate_name, new_build_id, write_alias
from sparse_index.vectors.kind import Trial

log = logging.getLogger(__name__)


def try_unread(cluster: Cluster, config: CorpusConfig, now: datetime) -> list[str]:
    """`try_candidate` before the corpus is read: beside the vectors the index has the fields that the owner declared.

    It may only be where the live index may be: most candidates are clones of that.
    """
    live = observe_alias(cluster, config.alias).index
    rules = {} if live is None else allocation_rules(observe_attached(cluster, live).settings)
    mapping = {"dynamic": "strict", "properties": config.index.fields | vector_properties(config)}
    return try_candidate(cluster, config, mapping, rules, now)


def try_candidate(
    cluster: Cluster, config: CorpusConfig, mapping: Json, rules: Mapping[str, Any], now: datetime
) -> list[str]:
    """Notes about what the candidate will not take from templates; BuildError when it cannot be made. `rules`: on which
    nodes it may be, as settings."""
    index, body = _like_candidate(config, mapping, now)
    return try_out(cluster, index, config.alias, body | {"settings": body["settings"] | rules})


def try_vectors(cluster: Cluster, config: CorpusConfig, field: str, trial: Trial, now: datetime) -> str:
    """Why vectors of this kind cannot be had in this cluster; "" when it tells those of the trial apart."""
    index, body = _like_candidate(config, {"dynamic": "strict", "properties": {field: trial.mapping}}, now)
    wanted = [[str(number)] for number in range(len(trial.vectors))]
    try:
        create_index(cluster, index, config.alias, body)
        _write(cluster, index, field, trial)
        found = [_found(cluster, index, trial.query(field, number)) for number in range(len(trial.vectors))]
    except TerminalError as error:
        if isinstance(error, AccessError | BuildError):
            raise
        return f"{trial.why}: three documents with such vectors were tried, and {error.message}. {trial.remedy}"
    finally:
        for note in removed(cluster, index):
            log.warning("%s.", note)
    if found != wanted:
        return f"{trial.why}: three documents with such vectors were tried, and searches found others. {trial.remedy}"
    return ""


def _write(cluster: Cluster, index: str, field: str, trial: Trial) -> None:
    """In one request, so that one segment has them."""
    lines = ([{"index": {"_id": str(number)}}, {field: vector}] for number, vector in enumerate(trial.vectors))
    body = b"".join(orjson.dumps(line) + b"\n" for pair in lines for line in pair)
    answer = cluster.request("POST", f"/{write_alias(index)}/_bulk", body, params={"require_alias": "true"})
    refused = [item["index"] for item in answer["items"] if "error" in item["index"]]
    if refused:
        raise of_status(refused[0]["status"], reason_of(refused[0]), "one of them")
    cluster.post(f"/{index}/_refresh")


def _found(cluster: Cluster, index: str, query: Json) -> list[str]:
    body = {"query": query, "_source": False}
    answer = cluster.request("POST", f"/{index}/_search", body, params={"allow_partial_search_results": "false"})
    return [str(hit["_id"]) for hit in answer["hits"]["hits"]]


def _like_candidate(config: CorpusConfig, mapping: Json, now: datetime) -> tuple[str, Json]:
    """Name and body of such an index."""
    build_id = new_build_id(now, uuid.uuid4().hex)
    index = candidate_name(config.alias, build_id)
    nothing = {"fingerprint": "", "document_hash": "", "manifest": "", "receipt": ""}
    meta = Meta(
        alias=config.alias,
        build_id=build_id,
        state="building",
        data_date=now.date(),
        store=public_address(config.store),
        **nothing,
    )
    return index, index_body(config, mapping, meta, write_alias(index))
