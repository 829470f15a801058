"""What each task of a run costs, over sizes and shapes of a corpus, in one JSON file. `bench/worker_memory.py --save` adds."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import groupby

from side_by_side import RESULTS

PATH = RESULTS / "tasks.json"
STEPS = ("scan", "plan", "encode", "index")


@dataclass(frozen=True, order=True)
class Shape:
    """Of a corpus: its rows, the characters of each text, the columns of whole numbers beside it."""

    rows: int
    characters: int
    columns: int


@dataclass(frozen=True)
class Cost:
    """Of one task that did all of its step: seconds of processor time, and the peak of its resident memory.

    `load`: processes at work on `machine` when it ended, at `measured_at`.
    """

    shape: Shape
    step: str
    cpu_seconds: float
    peak_mb: int
    measured_at: str
    machine: str
    load: float


def cost_of(shape: Shape, step: str, cpu_seconds: float, peak_mb: int) -> Cost:
    """As of now, on this machine."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    now, load = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", round(os.getloadavg()[0], 1)
    return Cost(shape, step, round(cpu_seconds, 2), peak_mb, now, machine, load)


def load_costs() -> list[Cost]:
    """By shape, then as the steps of a run follow each other."""
    found = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else []
    return [Cost(**{**each, "shape": Shape(**each["shape"])}) for each in found]


def add(costs: Iterable[Cost]) -> None:
    """Each in the place of a former one of its shape and step."""
    kept = {(each.shape, each.step): each for each in [*load_costs(), *costs]}
    ordered = sorted(kept.values(), key=lambda each: (each.shape, STEPS.index(each.step)))
    PATH.write_text(json.dumps([asdict(each) for each in ordered], indent=1) + "\n", encoding="utf-8")


def table(costs: Iterable[Cost]) -> str:
    """A line a shape; how busy the machine was stands in each."""
    steps = " | ".join(f"`{step}`" for step in STEPS)
    head = (
        f"| rows | characters of a text | columns beside it | {steps} | load |\n|---|---|---|{'---|' * len(STEPS)}---|"
    )
    return "\n".join([head, *_lines(costs)])


def _lines(costs: Iterable[Cost]) -> Iterator[str]:
    for shape, group in groupby(costs, key=lambda each: each.shape):
        of = {each.step: each for each in group}
        cells = " | ".join(f"{of[step].cpu_seconds:,.1f} s, {of[step].peak_mb:,} MB" for step in STEPS)
        load = max(each.load for each in of.values())
        yield f"| {shape.rows:,} | {shape.characters:,} | {shape.columns:,} | {cells} | {load:.1f} |"
