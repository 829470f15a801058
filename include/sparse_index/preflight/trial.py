"""An empty index like a candidate, made and deleted again: what refuses the one would have refused the other, hours later."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from sparse_index.addresses import public_address
from sparse_index.cluster import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.index.create import try_out
from sparse_index.index.mapping import index_body, vector_property
from sparse_index.index.meta import Meta
from sparse_index.names import candidate_name, new_build_id, write_alias


def try_candidate(cluster: Cluster, config: CorpusConfig) -> list[str]:
    """Notes about what the candidate will not take from templates; BuildError when it cannot be made.

    The corpus is not read: beside the vector the index has the fields that the owner declared. Killed in between it leaves
    a candidate that never went live, which the next build removes.
    """
    now = datetime.now(UTC)
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
    mapping = {"dynamic": "strict", "properties": config.index.fields | vector_property(config)}
    return try_out(cluster, index, config.alias, index_body(config, mapping, meta, write_alias(index)))
