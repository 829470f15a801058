"""Charts as they were when a person last looked at them; a change shows in the file's difference. To write them anew:

PYTHONPATH=include python tests/unit/console/test_golden_charts.py
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sparse_index.console.charts import (
    Series,
    Slot,
    bars,
    definitions,
    shares,
    strip,
    verdicts,
    waterfall,
)
from sparse_index.console.words import duration, whole

FOLDER = Path(__file__).parent / "golden"
SORTS = ("promoted", "nothing_changed", "failed", "promoted", "open")
SLOTS = [Slot(f"build {number}", f"/builds/{number}", sort) for number, sort in enumerate(SORTS)]
LAYERS = [Series("new", [4, 0, None, 9, None]), Series("deleted", [1, 0, None, 2, None])]
LINE = [Series("documents", [100, 100, None, 107, 107])]
GATE = {
    "count": ["pass", None, "fail", "pass", None],
    "drift": ["pass", "skipped", None, "undecided", None],
}
DRAWN = {
    "definitions": definitions(),
    "bars": bars("Documents", SLOTS, LAYERS, LINE, whole, one_scale=False),
    "bars_of_one_scale": bars("Seconds", SLOTS, LAYERS, LINE, duration, one_scale=True),
    "bars_of_no_build": bars("Documents", [], [], [], whole, one_scale=False),
    "strip": strip("The last builds", SLOTS),
    "waterfall": waterfall("Stages", {"scan": 1.5, "encode": 40.0, "gate": 0.0}, duration),
    "shares": shares("Rows", {"unchanged": 90, "encoded": 9, "blank": 1}, whole),
    "verdicts": verdicts("The gate", len(SLOTS), GATE),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_is_drawn_as_it_was(name: str) -> None:
    assert DRAWN[name] + "\n" == (FOLDER / f"{name}.svg").read_text(encoding="utf-8")


def test_no_chart_is_kept_that_nobody_draws() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(DRAWN)


if __name__ == "__main__":
    for name, svg in DRAWN.items():
        (FOLDER / f"{name}.svg").write_text(svg + "\n", encoding="utf-8")
