"""Contenders that do the same work in turn, round after round, and what came of it as one JSON file.

Every round runs all contenders, each time with another one first, so that a machine that slows down slows all of them.
What is compared are ratios within a round; seconds alone say something about this machine only.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from local_cluster import LocalCluster, start
from sparse_index.cluster.client import Cluster, ConnectionSettings

RESULTS = Path(__file__).parent / "results"

# One round of a contender: its number goes in, a figure of the comparison's unit comes out.
Contender = Callable[[int], float]

# `time.perf_counter`, or `time.process_time` where only what this process computes is to count.
Clock = Callable[[], float]

LESS_IS_BETTER = ("seconds", "ms")


@dataclass(frozen=True)
class Comparison:
    """`figures`: contender -> one figure a round, in `unit`, where more is better unless the unit is one of time.

    `command` made it, at `measured_at`; `load`: processes at work on `machine` just before.
    """

    name: str
    title: str
    unit: str
    command: str
    ours: str
    figures: Mapping[str, Sequence[float]]
    measured_at: str
    machine: str
    load: float

    def median(self, contender: str) -> float:
        return statistics.median(self.figures[contender])

    def ratios(self, other: str) -> list[float]:
        """How many times better ours was than the other, in each round."""
        pairs = zip(self.figures[self.ours], self.figures[other], strict=True)
        return [theirs / ours if self.unit in LESS_IS_BETTER else ours / theirs for ours, theirs in pairs]

    def ratio(self, other: str) -> float:
        return statistics.median(self.ratios(other))

    def save(self) -> Path:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self.name}.json"
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        return path


def load(path: Path) -> Comparison:
    return Comparison(**json.loads(path.read_text(encoding="utf-8")))


def in_turn(contenders: Mapping[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Contender -> its figure in each round; a line each as it ends. A round 0 warms server and client up, uncounted."""
    names, figures = list(contenders), {name: list[float]() for name in contenders}
    for number in range(rounds + 1):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            figure = contenders[name](number)
            print(f"round {number}/{rounds}: {name}: {figure:,.1f}", flush=True)
            if number > 0:
                figures[name].append(figure)
    return figures


def compared(
    name: str, title: str, unit: str, command: str, contenders: Mapping[str, Contender], rounds: int
) -> Comparison:
    """Ours is the first contender."""
    load_before, measured_at = os.getloadavg()[0], f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    figures = in_turn(contenders, rounds)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return Comparison(name, title, unit, command, next(iter(contenders)), figures, measured_at, machine, load_before)


@contextmanager
def own_server(command: str, kept: Path | None = None) -> Iterator[tuple[LocalCluster, Cluster, Path]]:
    """A plain OpenSearch for one bench, and a folder, both gone afterwards; in a folder that is `kept`, its data stay."""
    print(command, flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = kept or Path(name)
        server = start(folder / "server", "plain")
        try:
            with closing(Cluster.connect(ConnectionSettings(server.host, server.port, use_ssl=False))) as cluster:
                yield server, cluster, folder
        finally:
            server.stop(discard_data=kept is None)


def in_words(found: Comparison) -> str:
    """A line a contender: its median and spread, and how many times better ours is."""
    lines = [f"{found.title} ({found.unit}; {found.machine}; {found.measured_at})"]
    for name, figures in found.figures.items():
        ratios = found.ratios(name)
        spread = f"{min(figures):,.1f} to {max(figures):,.1f}"
        told = "" if name == found.ours else f"; ours {found.ratio(name):.2f}x ({min(ratios):.2f} to {max(ratios):.2f})"
        lines.append(f"  {name}: {found.median(name):,.1f} ({spread}){told}")
    return "\n".join(lines)
