"""On a day with nothing to do tasks take as long as their imports: each is a process of its own. What they must do without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CORE = Path(__file__).parents[3] / "include"
ARROW = ("pyarrow", "numpy")


@pytest.mark.parametrize(
    ("modules", "unneeded"),
    [
        (("preflight.examine", "plan.shards"), ("duckdb",)),
        (("corpus.scan",), ("duckdb", "opensearchpy")),
        (("builds.plan", "store.files"), ("duckdb", "opensearchpy", *ARROW)),
        (("builds.ending", "builds.metrics", "builds.receipt", "live.last_look", "live.age"), ("duckdb", *ARROW)),
    ],
)
def test_a_task_of_a_quiet_day_imports_nothing_that_it_does_not_need(
    modules: tuple[str, ...], unneeded: tuple[str, ...]
) -> None:
    imports = "; ".join(f"import sparse_index.{module}" for module in modules)
    script = f"import sys; {imports}; print([name for name in {unneeded} if name in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(CORE)},
    )
    assert answer.stdout.strip() == "[]", modules
