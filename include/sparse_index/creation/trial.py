"""An empty index like a candidate, made and deleted again: what refuses the one would have refused the other, hours later.

It has a name of its own. Killed in between it leaves a candidate that never went live, which the next build removes.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sparse_index.addresses import public_address
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.creation.create import allocation_rules, try_out
from sparse_index.creation.mapping import index_body, vector_properties
from sparse_index.live.alias import observe_alias
from sparse_index.live.attached import observe_attached
from sparse_index.live.meta import Meta
from sparse_index.names import candidate_name, new_build_id, write_alias


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
    body = index_body(config, mapping, meta, write_alias(index))
    return try_out(cluster, index, config.alias, body | {"settings": body["settings"] | rules})
