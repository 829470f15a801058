"""Which permissions are missing, found by really trying: every call is refused or does nothing, even when allowed.

They name an index, a model, a task that never exist, or a value that is never valid: the security plugin decides first.
Not to be found this way: `deploy_model_on_nodes` and `undeploy_model`, which only the nodes ask each other about: without
them the deploy task and the teardown say so; `bulk*`, which is asked per shard: the trial of a candidate says so; and
`profile/nodes` while the cluster has never had a model: then it answers without asking anybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sparse_index.cluster.client import Cluster, Json
from sparse_index.cluster.errors import permissions_named
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.vectors import VectorField
from sparse_index.errors import AccessError, TerminalError
from sparse_index.ml.life import life_of
from sparse_index.ml.sources import Source
from sparse_index.vectors.kinds import vector_kind

_ML = "/_plugins/_ml"
_NOTHING = "sparse-index-preflight"
_NONE_MATCHES: Json = {"query": {"match_none": {}}}


@dataclass(frozen=True)
class Attempt:
    """A harmless call and the permission it needs."""

    permission: str
    method: str
    path: str
    body: Json | bytes | None = None
    params: dict[str, str] = field(default_factory=dict)


def missing_permissions(cluster: Cluster, config: CorpusConfig) -> list[str]:
    """The permissions that the cluster says are missing, under the names OpenSearch gives them."""
    model_attempts = (attempt for field in config.vector_fields.values() for attempt in _model_attempts(field))
    attempts = [*_cluster_attempts(), *model_attempts, *_index_attempts(config.alias)]
    return list(dict.fromkeys(name for attempt in attempts for name in _missing(cluster, attempt)))


def _missing(cluster: Cluster, attempt: Attempt) -> list[str]:
    try:
        cluster.request(attempt.method, attempt.path, attempt.body, params=attempt.params)
    except AccessError as error:
        if error.status == 401:
            raise
        return permissions_named(error.reason) or [attempt.permission]
    except TerminalError:
        return []
    return []


def _cluster_attempts() -> Iterator[Attempt]:
    yield Attempt("cluster:monitor/main", "GET", "/")
    yield Attempt("cluster:monitor/health", "GET", "/_cluster/health")
    yield Attempt("cluster:monitor/state", "GET", "/_cluster/settings")
    yield Attempt("cluster:monitor/nodes/info", "GET", "/_nodes/os", params={"filter_path": "nodes.*.roles"})
    yield Attempt("cluster:monitor/nodes/stats", "GET", "/_nodes/stats/fs", params={"filter_path": "_nodes"})
    yield Attempt("cluster:admin/search/pipeline/get", "GET", "/_search/pipeline")


def _model_attempts(field: VectorField) -> Iterator[Attempt]:
    ml, source, kind = "cluster:admin/opensearch/ml", life_of(field).source, vector_kind(field)
    yield Attempt(f"{ml}/models/get", "GET", f"{_ML}/models/{_NOTHING}")
    yield Attempt(f"{ml}/predict", "POST", kind.predict_path(_NOTHING), kind.predict_body(["a"]))
    if source is None:
        return
    yield Attempt(f"{ml}/profile/nodes", "GET", f"{_ML}/profile/models/{_NOTHING}")
    yield Attempt(f"{ml}/deploy_model", "POST", f"{_ML}/models/{_NOTHING}/_deploy")
    yield Attempt(f"{ml}/tasks/get", "GET", f"{_ML}/tasks/{_NOTHING}")
    yield Attempt(f"{ml}/undeploy_models", "POST", f"{_ML}/models/{_NOTHING}/_undeploy")
    yield Attempt(f"{ml}/models/search", "POST", f"{_ML}/models/_search", _NONE_MATCHES)
    yield Attempt(f"{ml}/models/delete", "DELETE", f"{_ML}/models/{_NOTHING}")
    yield Attempt(f"{ml}/tasks/search", "POST", f"{_ML}/tasks/_search", _NONE_MATCHES)
    yield Attempt(f"{ml}/tasks/delete", "DELETE", f"{_ML}/tasks/{_NOTHING}")
    yield Attempt(f"{ml}/model_groups/search", "POST", f"{_ML}/model_groups/_search", _NONE_MATCHES)
    yield Attempt(f"{ml}/model_groups/delete", "DELETE", f"{_ML}/model_groups/{_NOTHING}")
    # Restricted and open to all one's own roles at once: refused with and without model access control.
    contradiction = {
        "name": _NOTHING,
        "access_mode": "restricted",
        "backend_roles": ["a"],
        "add_all_backend_roles": True,
    }
    yield Attempt(f"{ml}/register_model_group", "POST", f"{_ML}/model_groups/_register", contradiction)
    yield from _register_attempts(ml, source)


def _register_attempts(ml: str, source: Source) -> Iterator[Attempt]:
    body: Json = {"name": _NOTHING, "version": "1", "model_format": "TORCH_SCRIPT", "function_name": source.function}
    body |= {"model_group_id": _NOTHING, "model_content_hash_value": "0"}
    if source.is_upload:
        nameless_group = body | {"model_content_size_in_bytes": 1, "total_chunks": 1}
        yield Attempt(f"{ml}/register_model_meta", "POST", f"{_ML}/models/_register_meta", nameless_group)
        yield Attempt(f"{ml}/upload_model_chunk", "POST", f"{_ML}/models/{_NOTHING}/upload_chunk/0", b"-")
    else:
        yield Attempt(f"{ml}/register_model", "POST", f"{_ML}/models/_register", body | {"url": "not-an-address"})


def _index_attempts(alias: str) -> Iterator[Attempt]:
    index = f"{alias}--preflight"  # matches the role's patterns, and is the name of no build
    no_shards = {"settings": {"index.number_of_shards": 0}}
    not_there = {"actions": [{"remove": {"index": index, "alias": alias, "must_exist": True}}]}
    nothing_there = {"require_alias": "true"}
    yield Attempt("indices:admin/aliases/get", "GET", f"/{alias}/_alias")
    yield Attempt("indices:admin/create", "PUT", f"/{index}", no_shards)
    yield Attempt("indices:admin/delete", "DELETE", f"/{index}")
    yield Attempt("indices:admin/get", "GET", f"/{index}")
    yield Attempt("indices:admin/resize", "PUT", f"/{index}/_clone/{index}-2")
    yield Attempt("indices:admin/aliases", "POST", "/_aliases", not_there)
    yield Attempt("indices:admin/mapping/put", "PUT", f"/{index}/_mapping", {"properties": {}})
    yield Attempt("indices:admin/mappings/get", "GET", f"/{index}/_mapping")
    yield Attempt("indices:admin/settings/update", "PUT", f"/{index}/_settings", {"index.number_of_replicas": 0})
    yield Attempt("indices:monitor/settings/get", "GET", f"/{index}/_settings")
    yield Attempt("indices:monitor/stats", "GET", f"/{index}/_stats")
    yield Attempt("indices:admin/refresh*", "POST", f"/{index}/_refresh")
    yield Attempt("indices:data/read/search", "POST", f"/{index}/_search", {"size": 0})
    yield Attempt("indices:data/write/index", "PUT", f"/{index}/_doc/1", {}, nothing_there)
    yield Attempt("indices:data/write/bulk", "POST", f"/{index}/_bulk", b'{"delete":{"_id":"1"}}\n', nothing_there)
    yield Attempt("indices:data/write/delete", "DELETE", f"/{index}/_doc/1")
    yield Attempt("indices:admin/index_template/simulate_index", "POST", f"/_index_template/_simulate_index/{index}")
    yield Attempt("indices:admin/template/get", "GET", f"/_template/{_NOTHING}")
