"""The short and the whole form of the chaos tests, and the table of what a whole run did and what came of it."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

WHOLE = os.environ.get("SPARSE_INDEX_CHAOS") == "whole"
SEED = os.environ.get("SPARSE_INDEX_CHAOS_SEED") or str(random.randrange(10**6))
whole_form = pytest.mark.skipif(not WHOLE, reason="part of the whole form: make chaos")
REPORT = Path(__file__).parents[2] / ".local" / "chaos.md"
Some = TypeVar("Some")
HEAD = ("What was done", "Times", "Result", "Texts encoded again")


def times(short: Some, whole: Some) -> Some:
    """How often this form of the run does something, or the list of what it does."""
    return whole if WHOLE else short


def dice(name: str) -> random.Random:
    """Chance that a failed run can repeat: set SPARSE_INDEX_CHAOS_SEED to the number printed here."""
    print(f"SPARSE_INDEX_CHAOS_SEED={SEED}")  # noqa: T201 - pytest shows it with a failure
    return random.Random(f"{SEED} {name}")


@dataclass
class Line:
    """One line of the table; the test fills it in. `again`: texts, or chunks, that had to be encoded again."""

    what: str
    times: int = 1
    result: str = ""
    again: str = "-"


@dataclass
class ChaosTable:
    """The lines of this run, in order."""

    lines: list[Line] = field(default_factory=list)

    @contextmanager
    def line(self, what: str, times: int = 1) -> Iterator[Line]:
        """A line that says FAILED when the block does."""
        line = Line(what, times)
        self.lines.append(line)
        try:
            yield line
        except BaseException as error:
            line.result = f"FAILED: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
            raise

    def markdown(self) -> str:
        rows = [(line.what, str(line.times), line.result, line.again) for line in self.lines]
        table = "".join(f"| {' | '.join(row)} |\n" for row in [HEAD, ("---",) * len(HEAD), *rows])
        return f"{table}\nRandom moments: SPARSE_INDEX_CHAOS_SEED={SEED}.\n"


@pytest.fixture(scope="session")
def chaos_table(request: pytest.FixtureRequest) -> Iterator[ChaosTable]:
    """Printed at the end of a run in the whole form; written as Markdown when that was of all these tests."""
    table = ChaosTable()
    yield table
    if WHOLE:
        if {"tests/chaos", "tests/dags/live"} <= set(request.config.args) and not request.config.option.keyword:
            REPORT.parent.mkdir(exist_ok=True)
            REPORT.write_text(table.markdown())
        plugins = request.config.pluginmanager
        with plugins.getplugin("capturemanager").global_and_fixture_disabled():
            plugins.getplugin("terminalreporter").write(f"\n{table.markdown()}\n")
