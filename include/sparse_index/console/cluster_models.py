"""What ML Commons holds and does in a cluster, and what of ours stays there although no run needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sparse_index.builds.plan import planning_run
from sparse_index.cluster.client import Cluster
from sparse_index.console.fields import at, count, lines, number, text
from sparse_index.ml.states import TASK_PENDING
from sparse_index.ml.verbs import ML
from sparse_index.preflight.findings import Findings
from sparse_index.preflight.leftovers import sweep
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME, Timing

_PAGE = 100
_EPOCH = datetime.fromtimestamp(0, UTC)
# By the id of a run, whether it goes on; None where nobody knows such a run.
RunGoesOn = Callable[[str], bool | None]


@dataclass(frozen=True)
class DeployedModel:
    """`nodes`: node id -> state there; `bytes`: what ML Commons thinks that it takes on one node, which it does not say of every
    model; `calls`: predict calls that the nodes remember."""

    id: str
    name: str
    version: str | None
    nodes: Mapping[str, str]
    bytes: int | None
    calls: int


@dataclass(frozen=True)
class RunningTask:
    """`at`: when it began. A task of a node that died stays RUNNING for ever."""

    id: str
    kind: str
    state: str
    model_id: str | None
    nodes: tuple[str, ...]
    at: datetime | None


def deployed_models(cluster: Cluster) -> list[DeployedModel]:
    """Every model that a node has in memory or loads, whoever deployed it, by name."""
    profile = cluster.get(f"{ML}/profile/models")
    seen: dict[str, dict[str, Any]] = {}
    for node, body in (at(profile, "nodes") or {}).items():
        for model_id, state in (at(body, "models") or {}).items():
            seen.setdefault(model_id, {})[node] = state
    named = _named(cluster, list(seen))
    return sorted(
        (_model(each, on, named.get(each)) for each, on in seen.items()), key=lambda each: (each.name, each.id)
    )


def _named(cluster: Cluster, model_ids: list[str]) -> dict[str, Any]:
    query = {"size": len(model_ids), "query": {"ids": {"values": model_ids}}, "_source": ["name", "model_version"]}
    answer = cluster.find(f"{ML}/models/_search", query) if model_ids else None
    return {str(hit["_id"]): hit["_source"] for hit in at(answer, "hits", "hits") or []}


def _model(model_id: str, on: Mapping[str, Any], document: Any) -> DeployedModel:
    states = {node: text(body, "model_state") or "?" for node, body in on.items()}
    sizes = [size for body in on.values() if (size := count(body, "memory_size_estimation_cpu")) is not None]
    calls = sum(count(body, "predict_request_stats", "count") or 0 for body in on.values())
    version = text(document, "model_version")
    return DeployedModel(model_id, text(document, "name") or "?", version, states, max(sizes, default=None), calls)


def breaker_counts(cluster: Cluster) -> dict[str, int]:
    """By node id: how often ML Commons refused a request for want of memory since the node started."""
    stat = "ml_circuit_breaker_trigger_count"
    answer = cluster.get(f"{ML}/stats/{stat}")
    return {node: count(body, stat) or 0 for node, body in (at(answer, "nodes") or {}).items()}


def running_tasks(cluster: Cluster) -> list[RunningTask]:
    """Tasks of ML Commons that run or wait, whoever began them, the oldest first, at most a hundred."""
    query = {"size": _PAGE, "query": {"terms": {"state": sorted(TASK_PENDING)}}}
    answer = cluster.find(f"{ML}/tasks/_search", query)
    found = [_task(str(hit["_id"]), hit["_source"]) for hit in at(answer, "hits", "hits") or []]
    return sorted(found, key=lambda task: (task.at or _EPOCH, task.id))


def _task(task_id: str, body: Any) -> RunningTask:
    began = number(body, "create_time")
    return RunningTask(
        task_id,
        text(body, "task_type") or "?",
        text(body, "state") or "?",
        text(body, "model_id"),
        lines(body, "worker_node"),
        datetime.fromtimestamp(began / 1000, UTC) if began is not None else None,
    )


def leftovers(
    cluster: Cluster,
    store: Store,
    alias: str,
    run_goes_on: RunGoesOn,
    marked: Sequence[str] | None = None,
    timing: Timing = REAL_TIME,
) -> list[str]:
    """What carries the mark of `alias` and belongs to no run that goes on, each with what becomes of it: as preflight of the next
    run would see it. Nothing is changed. `marked`: the groups of many aliases, where they have been asked for at once."""

    def goes_on(build_id: str) -> bool | None:
        run_id = planning_run(store, alias, build_id)
        return run_goes_on(run_id) if run_id else None

    findings = Findings()
    sweep(findings, cluster, store, alias, goes_on, timing, removes=False, marked=marked)
    return findings.left
