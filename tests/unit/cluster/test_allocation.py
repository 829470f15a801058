"""Why shards have no node: every shard is asked about, and what passes is told from what does not. Answers as 3.6.0 gave them."""

from __future__ import annotations

from typing import Any

import pytest

from fake_opensearch import fake_cluster, http_error
from sparse_index.cluster.allocation import forbidden_copies, why_unallocated
from sparse_index.cluster.client import Cluster

SAME = {"same_shard": "a copy of this shard is already allocated to this node [[t][0], node[SKOpxgDp], [P]]"}
ZONE = {"awareness": "there are too many copies of the shard allocated to nodes with attribute [rack]"}
FILTER = {"filter": 'node matches index setting [index.routing.allocation.exclude.] filters [_name:"two"]'}
DISK = {"disk_threshold": "the node is above the low watermark cluster setting"}
LIMIT = {"shards_limit": "too many shards [1] allocated to this node for index [t]"}

Refusals = list[dict[str, str]]


def cluster_of(*shards: tuple[bool, int, Refusals]) -> Cluster:
    """Of each shard: whether it has its primary, how many copies it misses, why each node refuses one."""

    def answer(method: str, path: str, body: Any) -> Any:
        if path == "/_cluster/health/t":
            states = {
                str(number): {"primary_active": active, "unassigned_shards": missing}
                for number, (active, missing, _) in enumerate(shards)
            }
            return {"indices": {"t": {"shards": states}}}
        assert path == "/_cluster/allocation/explain"
        active, missing, nodes = shards[body["shard"]]
        assert missing, "an explanation of a shard that misses nothing is one of its primary"
        assert body == {"index": "t", "shard": body["shard"], "primary": not active}
        return {"unassigned_info": {"reason": "INDEX_CREATED"}, "node_allocation_decisions": [*map(decisions, nodes)]}

    return fake_cluster(answer)


def decisions(refusals: dict[str, str]) -> dict[str, Any]:
    said = [{"decider": name, "decision": "NO", "explanation": why} for name, why in refusals.items()]
    return {"deciders": [*said, {"decider": "throttling", "decision": "THROTTLE", "explanation": "busy"}]}


def test_the_shard_that_found_no_node_is_asked_about_and_not_the_first() -> None:
    assert (
        why_unallocated(cluster_of((True, 0, []), (False, 1, [LIMIT])), "t") == f"shards_limit: {LIMIT['shards_limit']}"
    )


def test_each_reason_is_said_once() -> None:
    why = why_unallocated(cluster_of((False, 1, [LIMIT, LIMIT]), (True, 1, [DISK])), "t")
    assert why.split("; ") == [f"{name}: {text}" for name, text in (LIMIT | DISK).items()]


def test_without_a_reason_the_shards_own_story_is_told() -> None:
    assert why_unallocated(cluster_of((False, 1, [])), "t") == '{"reason":"INDEX_CREATED"}'
    assert why_unallocated(cluster_of((True, 0, [])), "t") == "every shard has its copies by now"


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ([ZONE, SAME | ZONE], f"awareness: {ZONE['awareness']}"),
        ([FILTER, SAME], f"filter: {FILTER['filter']}"),
        ([SAME, SAME], f"same_shard: {SAME['same_shard']}"),
        ([ZONE | DISK, SAME], f"awareness: {ZONE['awareness']}"),
        ([DISK, SAME], None),
        ([{}, SAME], None),
        ([], None),
    ],
    ids=["zone", "filter", "too few nodes", "zone, full as well", "full", "busy", "not decided yet"],
)
def test_what_rules_forbid_is_told_from_what_passes(nodes: Refusals, why: str | None) -> None:
    assert forbidden_copies(cluster_of((True, 1, nodes)), "t") == why


def test_one_shard_that_may_get_its_replica_is_waited_for() -> None:
    assert forbidden_copies(cluster_of((True, 1, [ZONE, SAME]), (True, 1, [DISK, SAME])), "t") is None


def test_nothing_that_misses_is_nothing_forbidden() -> None:
    assert forbidden_copies(cluster_of((True, 0, [])), "t") is None


def test_who_may_not_ask_waits_and_says_so() -> None:
    def refuse(method: str, path: str, body: Any) -> Any:
        raise http_error(403, "security_exception", "no permissions for [cluster:monitor/allocation/explain]")

    assert forbidden_copies(fake_cluster(refuse), "t") is None
    assert why_unallocated(fake_cluster(refuse), "t").startswith("no explanation (")
