"""Model groups, models and what they answer, as ML Commons was seen to behave, in memory."""

from __future__ import annotations

from itertools import count
from typing import Any

from fake_opensearch import fake_cluster, http_error

ML = "/_plugins/_ml/"


class FakeModels:
    """`models`: id -> document; those in `answering` are deployed and answer a predict request.

    `registering`: what a node works at; `held_for_ever`: what no node lets go;
    `chunks`: how many of a model were uploaded; `refusals`: what a registration raises
    instead, the last one first; `failures`: errors of deployments likewise; `deployed`: whatever was asked for.
    """

    def __init__(self) -> None:
        self.groups: dict[str, str] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.answering: set[str] = set()
        self.held_for_ever: set[str] = set()
        self.registering: set[str] = set()
        self.chunks: dict[str, int] = {}
        self.refusals: list[Exception] = []
        self.failures: list[str] = []
        self.deployed: list[str] = []
        self.asked: list[str] = []
        self._numbers = count(1)

    @property
    def cluster(self) -> Any:
        return fake_cluster(self.answer)

    def add(self, model_id: str, group: str, *, answers: bool = False, **document: Any) -> None:
        """One more model in the group called `group`, made later than those before it."""
        self.groups.setdefault(group, f"g{len(self.groups) + 1}")
        self.models[model_id] = {
            "model_group_id": self.groups[group],
            "created_time": next(self._numbers),
            "model_state": "DEPLOYED" if answers else "REGISTERED",
            **document,
        }
        if answers:
            self.answering.add(model_id)

    def answer(self, method: str, path: str, body: Any) -> Any:
        self.asked.append(f"{method} {path}")
        if not path.startswith(ML):
            return {}
        kind, *rest = path.removeprefix(ML).split("/")
        return getattr(self, f"on_{kind.lstrip('_')}")(method, rest, body)

    def on_model_groups(self, method: str, rest: list[str], body: Any) -> Any:
        if rest == ["_register"]:
            self.groups[body["name"]] = f"g{len(self.groups) + 1}"
            return {"model_group_id": self.groups[body["name"]]}
        return _hits({group: {"name": name} for name, group in self.groups.items()})

    def on_models(self, method: str, rest: list[str], body: Any) -> Any:
        if rest == ["_search"]:
            return self._search(body["query"]["bool"]["filter"])
        if rest == ["_register_meta"]:
            return self._begin(body)
        if rest[0] not in self.models:
            raise http_error(404, "status_exception", "Failed to find model with the provided model id")
        if rest[1:2] == ["upload_chunk"]:
            self.models[rest[0]]["model_state"] = "REGISTERED"
        elif rest[1:] == ["_deploy"]:
            self.deployed.append(rest[0])
            self.models[rest[0]]["model_state"] = "DEPLOYED"
            self.answering.add(rest[0])
            return {"task_id": "t1"}
        elif rest[1:] == ["_undeploy"]:
            self.answering -= {rest[0]} - self.held_for_ever
            return {}
        elif method == "DELETE":
            if rest[0] in self.answering:
                raise http_error(400, "status_exception", "Model cannot be deleted in deploying or deployed state")
            return self.models.pop(rest[0])
        elif (method, rest[1:]) != ("GET", []):
            raise http_error(400, "illegal_argument_exception", f"unknown: {method} models/{'/'.join(rest)}")
        return self.models[rest[0]]

    def _search(self, filters: list[Any]) -> Any:
        """The models of a group, or how many chunks of a model there are."""
        wanted = filters[0]["term"]
        if "model_id" in wanted:
            return {"hits": {"total": {"value": self.chunks.get(wanted["model_id"], 0)}, "hits": []}}
        group = wanted["model_group_id"]
        return _hits({name: one for name, one in self.models.items() if one["model_group_id"] == group})

    def _begin(self, body: Any) -> Any:
        if self.refusals:
            raise self.refusals.pop()
        model_id = f"m{len(self.models) + 1}"
        kept = ("name", "model_group_id", "model_content_hash_value")
        self.models[model_id] = {name: body[name] for name in kept} | {
            "created_time": next(self._numbers),
            "model_state": "REGISTERING",
        }
        return {"model_id": model_id}

    def on_profile(self, method: str, rest: list[str], body: Any) -> Any:
        if rest[0] == "tasks":
            return {"nodes": {"n1": {"tasks": {one: {"model_id": one} for one in self.registering}}}}
        state = "DEPLOYED" if rest[1] in self.answering else "UNDEPLOYED"
        return {"nodes": {"n1": {"models": {rest[1]: {"model_state": state}}}}}

    def on_tasks(self, method: str, rest: list[str], body: Any) -> Any:
        if rest == ["_search"]:
            return _hits({})
        if self.failures:
            return {"state": "FAILED", "error": self.failures.pop()}
        return {"state": "COMPLETED", "model_id": self.deployed[-1]}

    def on_predict(self, method: str, rest: list[str], body: Any) -> Any:
        _, model_id = rest
        if model_id not in self.models:
            raise http_error(404, "status_exception", "Failed to find model")
        if model_id not in self.answering:
            raise http_error(400, "illegal_argument_exception", "Model not ready yet. Please deploy the model first.")
        return {"inference_results": [{"output": [{"dataAsMap": {"response": [{"a": 1.0}]}}]}]}


def _hits(documents: dict[str, dict[str, Any]]) -> Any:
    return {"hits": {"hits": [{"_id": name, "_source": document} for name, document in documents.items()]}}
