"""The owner's mapping is tried before anything is encoded: an empty index of that shape, made and dropped again."""

from __future__ import annotations

from sparse_index.cluster import Cluster
from sparse_index.errors import ConfigError, TerminalError
from sparse_index.index.generations import delete_index
from sparse_index.index.mapping import index_body
from sparse_index.index.meta import meta_of
from sparse_index.index.templates import require_harmless_templates
from sparse_index.plan.model import Plan


def require_usable_mapping(cluster: Cluster, plan: Plan) -> None:
    """ConfigError with the cluster's words when it takes no index with this mapping, analysis and codec.

    The empty index has the candidate's name and `_meta`, so that one left by a killed process is swept like any candidate
    that never went live; no alias ever points to it, and no shard is waited for.
    """
    require_harmless_templates(cluster, plan.candidate, plan.alias)
    body = index_body(plan.config, plan.mapping or {}, meta_of(plan), plan.write_alias) | {"aliases": {}}
    try:
        cluster.put(f"/{plan.candidate}", body, wait_for_active_shards="0")
    except TerminalError as error:
        if "resource_already_exists" in error.reason:
            # A first answer got lost and the client asked again: the name holds our build id.
            return
        if error.status != 400:
            raise
        raise ConfigError(
            f"The cluster takes no index for '{plan.alias}' with index.fields and index.analysis as they are: {error.reason}. "
            "Nothing was changed. Correct them; `plan` tells without a build whether they fit.",
            error.status,
            error.reason,
        ) from error
    finally:
        delete_index(cluster, plan.candidate)
