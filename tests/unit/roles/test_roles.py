"""What docs/security.md promises about the shipped roles is what the files say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sparse_index.roles import role_bodies

DOCS = (Path(__file__).parents[3] / "docs" / "security.md").read_text(encoding="utf-8")
ROLES = role_bodies("tickets")


def lines(role: dict[str, Any]) -> list[str]:
    return [
        *role["cluster_permissions"],
        *(action for rule in role["index_permissions"] for action in rule["allowed_actions"]),
    ]


@pytest.mark.parametrize("name", [*ROLES])
def test_the_alias_is_filled_in_and_no_line_stands_twice(name: str) -> None:
    assert "{alias}" not in json.dumps(ROLES[name])
    assert len(set(lines(ROLES[name]))) == len(lines(ROLES[name]))
    assert f"`{name}`" in DOCS


def test_only_the_alias_and_the_indices_behind_it_are_reached() -> None:
    reached = {name: [rule["index_patterns"] for rule in role["index_permissions"]] for name, role in ROLES.items()}
    assert reached == {
        "sparse_index_build": [["tickets", "tickets--*"]],
        "sparse_index_serve": [["tickets", "tickets--*"]],
        "sparse_index_read": [["tickets"]],
    }


@pytest.mark.parametrize(
    ("role", "withheld"),
    [
        ("sparse_index_build", "cluster:admin/settings/update"),
        ("sparse_index_build", "cluster:admin/search/pipeline/delete"),
        ("sparse_index_read", "indices:admin/analyze"),
    ],
)
def test_what_the_docs_say_is_withheld_is_withheld(role: str, withheld: str) -> None:
    assert f"`{withheld}`" in DOCS
    assert withheld not in lines(ROLES[role])


@pytest.mark.parametrize("role", ["sparse_index_build", "sparse_index_serve"])
def test_the_permissions_that_come_in_pairs_are_both_there(role: str) -> None:
    ml = "cluster:admin/opensearch/ml"
    pairs = {f"{ml}/deploy_model", f"{ml}/deploy_model_on_nodes", f"{ml}/undeploy_model", f"{ml}/undeploy_models"}
    assert pairs <= set(lines(ROLES[role]))


def test_no_role_holds_a_wildcard_over_a_family() -> None:
    wild = {line for role in ROLES.values() for line in lines(role) if line.endswith("*")}
    assert wild == {"indices:admin/refresh*", "indices:data/write/bulk*"}
