"""How long a new index is in the making, and in the going back, by the size of the live one.

    PYTHONPATH=include python bench/switching.py [--rows 10000 100000] [--days 5]

For each size one full build, then days on which 0.1 % of the rows changed: seconds until the candidate is there (a clone of the
live index), seconds of the switch, and seconds of a rollback to the day before and of one forth again, without replicas. A line a
size: medians, lowest to highest.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from day_costs import config_of
from demo.edit import EditRequest, edit_corpus
from demo.generate import CorpusRequest, generate_corpus
from side_by_side import own_server
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.operations.rollback import PREVIOUS, choose_target, roll_back
from sparse_index.pipeline import run
from sparse_index.store.files import Store

FIRST_DAY = date(2026, 1, 1)
CHANGED = 0.001

Seconds = dict[str, list[float]]


def measured(cluster: Cluster, folder: Path, rows: int, days: int) -> Seconds:
    seconds: Seconds = defaultdict(list)
    generate_corpus(CorpusRequest("tickets", rows), folder / "corpus-0")
    for number in range(days + 1):
        corpus = folder / f"corpus-{number}"
        if number > 0:
            edit_corpus(folder / f"corpus-{number - 1}", corpus, EditRequest(CHANGED, CHANGED, CHANGED, number))
        config = config_of(folder, corpus)
        stages = built(cluster, config, number)
        if number > 0:
            seconds["candidate by clone"].append(stages["prepare_candidate"])
            seconds["promotion"].append(stages["promote"])
            seconds["rollback"].append(gone_to(cluster, config, PREVIOUS))
            seconds["rollback forth again"].append(gone_to(cluster, config, newest(cluster, config)))
    return seconds


def built(cluster: Cluster, config: CorpusConfig, number: int) -> Mapping[str, float]:
    """Seconds by stage."""
    request = RunRequest(run_id=f"day-{number}", data_date=FIRST_DAY + timedelta(days=number))
    receipt = run(cluster, config, Store(config.store), request).receipt
    stages = receipt["stage_seconds"]
    if not isinstance(stages, dict) or receipt["kind"] != ("full" if number == 0 else "delta"):
        raise SystemExit(f"day {number} was no build as it was meant: {receipt}")
    return stages


def newest(cluster: Cluster, config: CorpusConfig) -> str:
    return str(max(cluster.get(f"/{config.alias}--*")))


def gone_to(cluster: Cluster, config: CorpusConfig, index: str) -> float:
    started, now = time.perf_counter(), datetime.now(UTC)
    target = choose_target(cluster, config, index, now=now, run_id="bench")
    roll_back(cluster, Store(config.store), config, target, now=now)
    return time.perf_counter() - started


def row(rows: int, seconds: Mapping[str, Sequence[float]]) -> str:
    cells = [f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})" for each in seconds.values()]
    return f"| {rows:,} | {' | '.join(cells)} |"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, nargs="+", default=(10_000, 100_000))
    options.add_argument("--days", type=int, default=5)
    chosen = options.parse_args()
    lines: list[str] = []
    for rows in chosen.rows:
        command = f"PYTHONPATH=include python bench/switching.py --rows {rows} --days {chosen.days}"
        with own_server(command) as (_, cluster, folder):
            seconds = measured(cluster, folder, rows, chosen.days)
        heads = ["documents", *(f"{name}, s" for name in seconds)]
        lines.append(row(rows, seconds))
        print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n" + "\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
