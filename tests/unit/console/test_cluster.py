"""The cluster of a connection, from answers as a real one gives them and from odd ones."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fake_opensearch import fake_cluster, http_error
from sparse_index.cluster.client import Cluster
from sparse_index.console.cluster_models import breaker_counts, deployed_models, leftovers, running_tasks
from sparse_index.console.cluster_nodes import Health, Limits, Node, health, limits, nodes
from sparse_index.store.files import Store

BUILD = "20261101T000000-000000"
GROUP = f"sparse-index--news--b{BUILD}"
BREAKERS = {
    "parent": {"limit_size_in_bytes": 1000, "estimated_size_in_bytes": 900, "tripped": 3},
    "request": {"limit_size_in_bytes": 600, "estimated_size_in_bytes": 0, "tripped": 0},
}
NODE = {
    "name": "one",
    "roles": ["ml", "data"],
    "jvm": {"mem": {"heap_used_in_bytes": 250, "heap_max_in_bytes": 1000}},
    "fs": {"total": {"total_in_bytes": 1000, "available_in_bytes": 70}},
    "breakers": BREAKERS,
}


def answers(**by_path: Any) -> Cluster:
    """By a part of the path; what is not said is not there."""

    def answer(method: str, path: str, _: Any) -> Any:
        assert method == "GET" or path.endswith("_search"), "the console changes nothing"
        found = next((said for part, said in by_path.items() if part in path), None)
        if found is None:
            raise http_error(404, "index_not_found_exception")
        return found

    return fake_cluster(answer)


def settings(disk: dict[str, str], triggered: str = "false") -> Cluster:
    nested = {
        "cluster": {"routing": {"allocation": {"disk": disk}}},
        "knn": {"circuit_breaker": {"triggered": triggered}},
    }
    return answers(settings={"defaults": nested})


def test_a_node_says_its_heap_its_disk_and_the_breakers_that_refused() -> None:
    node = nodes(answers(stats={"nodes": {"n1": NODE}}))[0]
    assert (node.id, node.name, node.roles) == ("n1", "one", ("data", "ml"))
    assert node.heap_percent == 25.0
    assert node.disk_percent == pytest.approx(93.0)
    assert [(each.name, each.tripped, each.used, each.limit) for each in node.breakers] == [("parent", 3, 900, 1000)]


@pytest.mark.parametrize("body", [{}, [], "x", {"jvm": 1, "fs": {"total": None}, "breakers": {"parent": None}}])
def test_a_node_that_says_little_is_a_node(body: Any) -> None:
    node = nodes(answers(stats={"nodes": {"n1": body}}))[0]
    assert (node.name, node.heap_percent, node.disk_percent, node.breakers) == ("?", None, None, ())
    assert Limits({"low": "85%"}, vectors_refused=False).over(node) is None


def test_no_nodes_no_rows() -> None:
    assert nodes(answers(stats={})) == []
    assert deployed_models(answers(profile={})) == []
    assert running_tasks(answers()) == []


@pytest.mark.parametrize(
    ("free", "level"), [(200, None), (149, "low"), (99, "high"), (70, "high"), (49, "flood_stage")]
)
def test_a_disk_is_over_the_highest_watermark_that_it_reached(free: int, level: str | None) -> None:
    said = {f"watermark.{name}": value for name, value in (("low", "85%"), ("high", "90%"), ("flood_stage", "95%"))}
    found = limits(settings({"threshold_enabled": "true", **said}))
    assert found.over(Node("n1", "one", ("data",), 1, 1, 1000, free, ())) == level
    assert found.over(Node("n2", "two", ("ml",), 1, 1, 1000, free, ())) is None


def test_watermarks_that_are_not_heeded_are_none() -> None:
    assert limits(settings({"threshold_enabled": "false", "watermark.low": "85%"})) == Limits({}, vectors_refused=False)
    assert limits(settings({}, triggered="true")).vectors_refused


def test_health() -> None:
    said = {"status": "yellow", "number_of_nodes": 3, "active_shards": 9, "unassigned_shards": 2}
    assert health(answers(health=said)) == Health("yellow", 3, 9, 2, None)


def test_a_model_on_two_nodes_is_one_model() -> None:
    held = {"model_state": "DEPLOYED", "memory_size_estimation_cpu": 500, "predict_request_stats": {"count": 4}}
    profile = {
        "nodes": {"n1": {"models": {"m1": held}}, "n2": {"models": {"m1": {"model_state": "DEPLOYING"}, "m2": {}}}}
    }
    hits = {"hits": {"hits": [{"_id": "m1", "_source": {"name": "sparse", "model_version": "1"}}]}}
    unknown, known = deployed_models(answers(profile=profile, search=hits))
    assert (known.name, known.version, known.bytes, known.calls) == ("sparse", "1", 500, 4)
    assert known.nodes == {"n1": "DEPLOYED", "n2": "DEPLOYING"}
    assert (unknown.id, unknown.name, unknown.bytes) == ("m2", "?", None)


def test_tasks_are_the_oldest_first() -> None:
    def hit(task_id: str, **source: Any) -> dict[str, Any]:
        return {"_id": task_id, "_source": {"state": "RUNNING", "task_type": "DEPLOY_MODEL", **source}}

    found = [hit("b", create_time=2_000, worker_node=["n1"], model_id="m1"), hit("a", create_time=1_000), hit("c")]
    tasks = running_tasks(answers(tasks={"hits": {"hits": found}}))
    assert [task.id for task in tasks] == ["c", "a", "b"]
    assert (tasks[2].nodes, tasks[2].model_id, tasks[2].at) == (
        ("n1",),
        "m1",
        datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC),
    )
    assert breaker_counts(answers(stats={"nodes": {"n1": {"ml_circuit_breaker_trigger_count": 2}, "n2": {}}})) == {
        "n1": 2,
        "n2": 0,
    }


@pytest.mark.parametrize(
    ("goes_on", "said"),
    [
        (True, None),
        (False, f"{GROUP} is there: build {BUILD} has ended; the next run removes it"),
        (None, f"{GROUP} is there: nobody knows the run of build {BUILD}, so it may be alive, and stays"),
    ],
)
def test_what_belongs_to_no_run_is_told(tmp_path: Path, goes_on: bool | None, said: str | None) -> None:
    store = Store(str(tmp_path))
    store.write_json(f"news/builds/{BUILD}/plan.json", {"request": {"run_id": "r1"}})
    asked: list[str] = []

    def run_goes_on(run_id: str) -> bool | None:
        asked.append(run_id)
        return goes_on

    groups = {"hits": {"hits": [{"_id": "g1", "_source": {"name": GROUP}}]}}
    found = leftovers(answers(model_groups=groups, news={}), store, "news", run_goes_on)
    assert asked == ["r1"]
    assert found == ([said] if said else [])
