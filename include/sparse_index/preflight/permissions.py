"""Which permissions are missing, found by really trying: every call is refused or does nothing, even when allowed.

They name an index, a model, a task that never exist, or a value that is never valid: the security plugin decides first.
Not to be found this way: `deploy_model_on_nodes` and `undeploy_model`, which only the nodes ask each other about: without
them the deploy task and the teardown say so; `bulk*`, which is asked per shard: the trial of a candidate says so; and
`profile/nodes` while the cluster has never had a model: then it answers without asking anybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson

from sparse_index.cluster.client import Cluster, Json
from sparse_index.cluster.errors import permissions_named
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.vectors import VectorField
from sparse_index.errors import AccessError, TerminalError
from sparse_index.ml.life import life_of
from sparse_index.ml.sources import Source
from sparse_index.query.wish import default_mode, sides_asked
from sparse_index.vectors.kinds import vector_kind

_ML = "/_plugins/_ml"
_NOTHING = "sparse-index-preflight"
_NONE_MATCHES: Json = {"query": {"match_none": {}}}


@dataclass(frozen=True)
class Probe:
    """A harmless call and the permission it needs."""

    permission: str
    method: str
    path: str
    body: Json | bytes | None = None
    params: dict[str, str] = field(default_factory=dict)


def missing_permissions(cluster: Cluster, config: CorpusConfig) -> list[str]:
    """The permissions that the cluster says are missing, under the names OpenSearch gives them."""
    model_probes = (probe for field in config.vector_fields.values() for probe in _model_probes(field))
    probes = [*_cluster_probes(), *model_probes, *_index_probes(config.alias), *_golden_probes(config)]
    return list(dict.fromkeys(name for probe in probes for name in _missing(cluster, probe)))


def _missing(cluster: Cluster, probe: Probe) -> list[str]:
    try:
        cluster.request(probe.method, probe.path, probe.body, params=probe.params)
    except AccessError as error:
        if error.status == 401:
            raise
        return permissions_named(error.reason) or [probe.permission]
    except TerminalError:
        return []
    return []


def _cluster_probes() -> Iterator[Probe]:
    yield Probe("cluster:monitor/main", "GET", "/")
    yield Probe("cluster:monitor/health", "GET", "/_cluster/health")
    yield Probe("cluster:monitor/state", "GET", "/_cluster/settings")
    yield Probe("cluster:monitor/nodes/info", "GET", "/_nodes/os", params={"filter_path": "nodes.*.roles"})
    yield Probe("cluster:monitor/nodes/stats", "GET", "/_nodes/stats/fs", params={"filter_path": "_nodes"})
    yield Probe("cluster:admin/search/pipeline/get", "GET", "/_search/pipeline")


def _model_probes(field: VectorField) -> Iterator[Probe]:
    ml, life, kind = "cluster:admin/opensearch/ml", life_of(field), vector_kind(field)
    yield Probe(f"{ml}/models/get", "GET", f"{_ML}/models/{_NOTHING}")
    yield Probe(f"{ml}/predict", "POST", kind.predict_path(_NOTHING), kind.predict_body(["a"]))
    if life.has_group:
        yield Probe(f"{ml}/models/search", "POST", f"{_ML}/models/_search", _NONE_MATCHES)
        yield Probe(f"{ml}/model_groups/search", "POST", f"{_ML}/model_groups/_search", _NONE_MATCHES)
    if life.source is not None:
        yield from _life_probes(ml, life.source)


def _life_probes(ml: str, source: Source) -> Iterator[Probe]:
    yield Probe(f"{ml}/profile/nodes", "GET", f"{_ML}/profile/models/{_NOTHING}")
    yield Probe(f"{ml}/deploy_model", "POST", f"{_ML}/models/{_NOTHING}/_deploy")
    yield Probe(f"{ml}/tasks/get", "GET", f"{_ML}/tasks/{_NOTHING}")
    yield Probe(f"{ml}/undeploy_models", "POST", f"{_ML}/models/{_NOTHING}/_undeploy")
    yield Probe(f"{ml}/models/delete", "DELETE", f"{_ML}/models/{_NOTHING}")
    yield Probe(f"{ml}/tasks/search", "POST", f"{_ML}/tasks/_search", _NONE_MATCHES)
    yield Probe(f"{ml}/tasks/delete", "DELETE", f"{_ML}/tasks/{_NOTHING}")
    yield Probe(f"{ml}/model_groups/delete", "DELETE", f"{_ML}/model_groups/{_NOTHING}")
    # Restricted and open to all one's own roles at once: refused with and without model access control.
    contradiction = {
        "name": _NOTHING,
        "access_mode": "restricted",
        "backend_roles": ["a"],
        "add_all_backend_roles": True,
    }
    yield Probe(f"{ml}/register_model_group", "POST", f"{_ML}/model_groups/_register", contradiction)
    yield from _register_probes(ml, source)


def _register_probes(ml: str, source: Source) -> Iterator[Probe]:
    body: Json = {"name": _NOTHING, "version": "1", "model_format": "TORCH_SCRIPT", "function_name": source.function}
    body |= {"model_group_id": _NOTHING, "model_content_hash_value": "0"}
    if source.is_upload:
        nameless_group = body | {"model_content_size_in_bytes": 1, "total_chunks": 1}
        yield Probe(f"{ml}/register_model_meta", "POST", f"{_ML}/models/_register_meta", nameless_group)
        yield Probe(f"{ml}/upload_model_chunk", "POST", f"{_ML}/models/{_NOTHING}/upload_chunk/0", b"-")
    else:
        yield Probe(f"{ml}/register_model", "POST", f"{_ML}/models/_register", body | {"url": "not-an-address"})


def _golden_probes(config: CorpusConfig) -> Iterator[Probe]:
    """What the gate's queries need beside searching."""
    if config.gate.golden is None:
        return
    sides, index = sides_asked(config, default_mode(config)), _no_index(config.alias)
    if "analyzer" in [config.query_way(side) for side in sides if side in config.vector_fields]:
        yield Probe("indices:admin/analyze", "GET", f"/{index}/_analyze", {"text": "a"})
    if len(sides) > 1:
        nothing = orjson.dumps({"index": index}) + b"\n{}\n"
        yield Probe("indices:data/read/msearch", "POST", "/_msearch", nothing)


def _no_index(alias: str) -> str:
    """Matches the role's patterns, and is the name of no build."""
    return f"{alias}--preflight"


def _index_probes(alias: str) -> Iterator[Probe]:
    index = _no_index(alias)
    no_shards = {"settings": {"index.number_of_shards": 0}}
    not_there = {"actions": [{"remove": {"index": index, "alias": alias, "must_exist": True}}]}
    nothing_there = {"require_alias": "true"}
    yield Probe("indices:admin/aliases/get", "GET", f"/{alias}/_alias")
    yield Probe("indices:admin/create", "PUT", f"/{index}", no_shards)
    yield Probe("indices:admin/delete", "DELETE", f"/{index}")
    yield Probe("indices:admin/get", "GET", f"/{index}")
    yield Probe("indices:admin/resize", "PUT", f"/{index}/_clone/{index}-2")
    yield Probe("indices:admin/aliases", "POST", "/_aliases", not_there)
    yield Probe("indices:admin/mapping/put", "PUT", f"/{index}/_mapping", {"properties": {}})
    yield Probe("indices:admin/mappings/get", "GET", f"/{index}/_mapping")
    yield Probe("indices:admin/settings/update", "PUT", f"/{index}/_settings", {"index.number_of_replicas": 0})
    yield Probe("indices:monitor/settings/get", "GET", f"/{index}/_settings")
    yield Probe("indices:monitor/stats", "GET", f"/{index}/_stats")
    yield Probe("indices:admin/refresh*", "POST", f"/{index}/_refresh")
    yield Probe("indices:data/read/search", "POST", f"/{index}/_search", {"size": 0})
    yield Probe("indices:data/write/index", "PUT", f"/{index}/_doc/1", {}, nothing_there)
    yield Probe("indices:data/write/bulk", "POST", f"/{index}/_bulk", b'{"delete":{"_id":"1"}}\n', nothing_there)
    yield Probe("indices:data/write/delete", "DELETE", f"/{index}/_doc/1")
    yield Probe("indices:admin/index_template/simulate_index", "POST", f"/_index_template/_simulate_index/{index}")
    yield Probe("indices:admin/template/get", "GET", f"/_template/{_NOTHING}")
