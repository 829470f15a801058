"""What a new index looks like, and when its shards count as being in place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from build_plans import corpus_config, make_plan
from fake_opensearch import fake_cluster, http_error
from sparse_index.creation.mapping import index_body, index_mapping
from sparse_index.errors import AccessError, BuildError, ConfigError
from sparse_index.live.alias import AliasState, observe_alias
from sparse_index.live.attached import moved_aliases
from sparse_index.live.meta import meta_of
from sparse_index.live.replicas import replicate
from sparse_index.live.switch import switch_actions
from sparse_index.timing import Timing

SCHEMA = pa.schema([("id", pa.string()), ("title", pa.string()), ("body", pa.large_string()), ("sold", pa.date32())])


def body(schema: pa.Schema = SCHEMA, **sections: Any) -> dict[str, Any]:
    config = corpus_config("tickets", **sections)
    plan = make_plan(config)
    return index_body(config, index_mapping(config, schema), meta_of(plan), plan.write_alias)


def test_typed_fields_and_a_vector_field() -> None:
    properties = body()["mappings"]["properties"]
    assert properties["id"]["type"] == "keyword"
    assert properties["title"]["type"] == "text"
    assert properties["sold"] == {"type": "date"}
    assert properties["text_sparse"] == {"type": "rank_features"}


def test_only_the_configured_columns_become_fields() -> None:
    properties = body(source={"columns": ["title"]})["mappings"]["properties"]
    assert sorted(properties) == ["text_sparse", "title"]


def test_a_building_index_neither_refreshes_nor_replicates() -> None:
    settings = body(index={"replicas": 2})["settings"]
    assert settings["index.refresh_interval"] == "-1"
    assert settings["index.number_of_replicas"] == 0


def test_a_thousand_columns_fit_the_field_limit() -> None:
    wide = pa.schema([*SCHEMA, *((f"c{n}", pa.string()) for n in range(1_000))])
    assert body(wide)["settings"]["index.mapping.total_fields.limit"] > 2_008


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ConfigError, match="colour"):
        body(source={"columns": ["title", "colour"]})


def health(status: str, active: int, nodes: int = 1, initializing: int = 0) -> dict[str, Any]:
    return {
        "status": status,
        "active_shards": active,
        "number_of_data_nodes": nodes,
        "initializing_shards": initializing,
        "unassigned_shards": 1,
        "indices": {"index": {"shards": {"0": {"primary_active": True, "unassigned_shards": 1}}}},
    }


def refused(reasons: dict[str, str]) -> dict[str, Any]:
    deciders = [{"decider": name, "decision": "NO", "explanation": why} for name, why in reasons.items()]
    return {"node_allocation_decisions": [{"node_name": "two", "deciders": deciders}]}


def replicated(
    answers: list[dict[str, Any]], replicas: int = 1, deadline_s: float = 60, refusals: dict[str, str] | None = None
) -> str:
    """The health reached with one health answer a poll (the last one for ever), a second of time each. `refusals`: of every
    node, decider -> why it takes no replica."""
    ticks = iter(range(10_000))
    left: Iterator[dict[str, Any]] = iter(answers)
    last = answers[-1]

    def handler(method: str, path: str, body: Any) -> Any:
        if path == "/_cluster/allocation/explain":
            return refused(refusals or {})
        if not path.startswith("/_cluster/health"):
            return {"index": {"settings": {"index.number_of_replicas": str(replicas)}}}
        return next(left, last)

    wanted = corpus_config("tickets", index={"replicas": replicas}).index
    clock, cluster = (lambda: float(next(ticks))), fake_cluster(handler)
    return replicate(cluster, "index", wanted, deadline_s=deadline_s, timing=Timing(clock, lambda _: None))


def test_waits_for_green() -> None:
    assert replicated([health("yellow", 1, nodes=2, initializing=1), health("green", 2, nodes=2)]) == "green"


def test_one_node_cannot_hold_a_replica() -> None:
    assert replicated([health("yellow", 1, nodes=1)]) == "yellow"


def test_a_replica_that_could_be_placed_but_is_not_stops_the_build() -> None:
    with pytest.raises(BuildError, match=r"yellow after 61 s.*\(disk_threshold: too full\)"):
        replicated([health("yellow", 1, nodes=2)], refusals={"disk_threshold": "too full"})


def test_a_replica_that_rules_forbid_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    assert (
        replicated([health("yellow", 1, nodes=2)], refusals={"awareness": "zone b has no node"}, deadline_s=0)
        == "yellow"
    )
    assert "index stays yellow: awareness: zone b has no node." in caplog.text


def test_a_first_promotion_claims_the_write_index() -> None:
    add = switch_actions(None, "tickets--b2", moved_aliases(AliasState("tickets", ()), {}))[0]["add"]
    assert add["is_write_index"] is True


def test_a_switch_insists_on_the_planned_index() -> None:
    remove = switch_actions("tickets--b1", "tickets--b2", {"tickets": {}})[0]["remove"]
    assert remove == {"index": "tickets--b1", "alias": "tickets", "must_exist": True}


def test_a_missing_permission_is_no_missing_alias() -> None:
    def refuse(method: str, path: str, body: Any) -> Any:
        raise http_error(403, "security_exception", "no permissions for [indices:admin/aliases/get]")

    with pytest.raises(AccessError, match="permission missing"):
        observe_alias(fake_cluster(refuse), "tickets")
