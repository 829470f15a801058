"""What decides a plan asks nobody: of the modules that decide none knows a cluster, a store or a clock."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PLAN = Path(__file__).parents[3] / "include" / "sparse_index" / "plan"
DECIDES = (
    *(
        "observed",
        "live_types",
        "reasons",
        "takeover",
        "guards",
        "decide",
        "parts",
        "disk",
        "estimate",
        "former",
        "in_words",
    ),
    "lengths",
)
ASKS = {"Cluster", "Store", "connect", "Difference", "file_version", "is_version", "time"}


@pytest.mark.parametrize("name", DECIDES)
def test_a_module_that_decides_asks_nobody(name: str) -> None:
    tree = ast.parse((PLAN / f"{name}.py").read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Import)]
    names = {each.name for node in imports for each in node.names}
    assert names.isdisjoint(ASKS)
    assert not any(each.startswith(("observe_", "load_", "save_")) for each in names)


def test_every_module_of_the_room_decides_or_is_known_to_ask() -> None:
    asking = {
        "__init__",
        "observe",
        "shards",
        "difference",
        "lost_files",
        "files",
        "changes",
        "texts",
        "writes",
        "foresee",
    }
    assert {path.stem for path in PLAN.glob("*.py")} == asking | set(DECIDES)
