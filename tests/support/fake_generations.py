"""Indices of one alias in a cluster that remembers what is done to them: settings, marks, and where the alias is."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from build_plans import NOW, make_plan
from fake_opensearch import fake_cluster, http_error
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.live.meta import Meta, meta_of

Json = dict[str, Any]


class FakeGenerations:
    """One complete, promoted index for each build id, the last one live; each has one document.

    `pipelines`: search pipelines by name; a model answers when it is in `answering`. `refused`: what keeps every replica from
    every node, decider -> why. `before`: called before each request with its method and path.
    """

    def __init__(self, config: CorpusConfig, *build_ids: str) -> None:
        self.alias, self.settings, self.mappings = config.alias, dict[str, Json](), dict[str, Json]()
        for build_id in build_ids:
            plan = make_plan(config, build_id=build_id)
            self.settings[plan.candidate] = {"index.number_of_replicas": "0", "index.number_of_shards": "1"}
            self.mark(
                plan.candidate,
                meta_of(plan).model_copy(update={"state": "complete", "documents": 1, "promoted_at": NOW}),
            )
        self.names = list(self.settings)
        self.live = self.names[-1]
        self.pipelines: dict[str, Json] = {}
        self.answering: set[str] = set()
        self.refused: dict[str, str] = {}
        self.before: Callable[[str, str], None] = lambda method, path: None
        self.requests: list[tuple[str, str]] = []

    @property
    def cluster(self) -> Cluster:
        return fake_cluster(self._answer)

    def meta(self, index: str) -> Meta:
        return Meta.model_validate(self.mappings[index]["_meta"]["sparse_index"])

    def mark(self, index: str, meta: Meta) -> None:
        self.mappings[index] = {"_meta": {"sparse_index": meta.model_dump(mode="json")}}

    @property
    def withdrawn(self) -> list[str]:
        return [name for name in self.names if self.meta(name).withdrawn_at]

    def replicas(self, index: str) -> int:
        return int(self.settings[index]["index.number_of_replicas"])

    def _answer(self, method: str, path: str, body: Any) -> Any:
        self.before(method, path)
        self.requests.append((method, path))
        if match := re.fullmatch(r"/_plugins/_ml/models/(\w+)", path):
            return {"algorithm": "SPARSE_ENCODING", "model_id": match[1], "model_state": "UNDEPLOYED"}
        if match := re.fullmatch(r"/_plugins/_ml/_predict/\w+/(\w+)", path):
            return self._predicted(match[1])
        if match := re.fullmatch(r"/_search/pipeline/([\w-]+)", path):
            return {match[1]: self.pipelines[match[1]]} if match[1] in self.pipelines else _absent()
        if match := re.fullmatch(r"/_cluster/health/(.+)", path):
            return self._health(match[1])
        if path == "/_cluster/allocation/explain":
            deciders = [{"decider": name, "decision": "NO", "explanation": why} for name, why in self.refused.items()]
            return {"node_allocation_decisions": [{"deciders": deciders}]}
        if path == "/_aliases":
            self.live = next(each["add"]["index"] for each in body["actions"] if "add" in each)
            return {"acknowledged": True}
        name, _, verb = path.strip("/").partition("/")
        return self._of_index(method, name, verb, body)

    def _of_index(self, method: str, name: str, verb: str, body: Any) -> Any:
        if verb == "_alias":
            return {self.live: {"aliases": {self.alias: {"is_write_index": True}}}}
        if (method, verb) == ("PUT", "_settings"):
            self.settings[name] |= {key: None if value is None else str(value).lower() for key, value in body.items()}
        if (method, verb) == ("PUT", "_mapping"):
            self.mappings[name] |= body
        if verb in ("_search", "_refresh"):
            return {"hits": {"total": {"value": 1}}}
        found = {index: self._seen(index) for index in self.names if fnmatchcase(index, name)}
        return found or _absent()

    def _seen(self, index: str) -> Json:
        return {"aliases": {}, "settings": dict(self.settings[index]), "mappings": dict(self.mappings[index])}

    def _health(self, index: str) -> Json:
        """Replicas are there at once, unless they are refused."""
        missing = self.replicas(index) if self.refused else 0
        shard = {"primary_active": True, "unassigned_shards": missing}
        return {
            "status": "yellow" if missing else "green",
            "active_shards": 1,
            "initializing_shards": 0,
            "unassigned_shards": missing,
            "number_of_data_nodes": 3,
            "indices": {index: {"shards": {"0": shard}}},
        }

    def _predicted(self, model_id: str) -> Any:
        if model_id not in self.answering:
            raise http_error(400, "illegal_argument_exception", "Model not ready yet. Please deploy it first.")
        return {"inference_results": [{"output": [{"name": "output", "dataAsMap": {"response": [{"a": 1.0}]}}]}]}


def _absent() -> Any:
    raise http_error(404, "resource_not_found_exception")
