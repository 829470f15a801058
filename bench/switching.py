"""How long a new index is in the making, and in the going back, by the size of the live one.

    PYTHONPATH=include python bench/switching.py [--rows 10000 100000] [--days 5]

For each size one full build; then in turn days on which 0.1 % of the rows changed: milliseconds until the candidate is there (a
clone of the live index), of the switch, and of a rollback to the day before, without replicas. 100,000 documents take five
minutes on two cores, a million three quarters of an hour and 10 GB of disk: nearly all of it is the full build.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from day_costs import config_of
from demo.edit import EditRequest, edit_corpus
from demo.generate import CorpusRequest, generate_corpus
from side_by_side import Comparison, Contender, compared, in_words, own_server
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.operations.rollback import PREVIOUS, choose_target, roll_back
from sparse_index.pipeline import run
from sparse_index.store.files import Store

FIRST_DAY = date(2026, 1, 1)
CHANGED = 0.001
STAGES = {"prepare_candidate": "Candidate by clone", "promote": "Promotion", "rollback": "Rollback"}

# Stage -> milliseconds.
Times = Mapping[str, float]


def day(cluster: Cluster, folder: Path, rows: int, number: int) -> Times:
    """Day 0 is the full build. The live index is the day's own afterwards."""
    corpus = folder / f"corpus-{number}"
    if number == 0:
        generate_corpus(CorpusRequest("tickets", rows), corpus)
    else:
        edit_corpus(folder / f"corpus-{number - 1}", corpus, EditRequest(CHANGED, CHANGED, CHANGED, number))
    config = config_of(folder, corpus).model_copy(update={"alias": f"days-{rows}"})
    seconds = dict(built(cluster, config, number))
    if number > 0:
        seconds["rollback"] = gone_to(cluster, config, PREVIOUS)
        gone_to(cluster, config, newest(cluster, config))
    return {stage: seconds.get(stage, 0.0) * 1000 for stage in STAGES}


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


def compare(cluster: Cluster, folder: Path, sizes: Sequence[int], days: int, command: str) -> list[Comparison]:
    """One for each stage; the first size is what the others are compared with."""
    times: dict[tuple[str, int], Times] = {}

    def one_day(rows: int, number: int) -> float:
        times[size(rows), number] = day(cluster, folder / str(rows), rows, number)
        return times[size(rows), number]["prepare_candidate"]

    contenders: dict[str, Contender] = {size(rows): partial(one_day, rows) for rows in sizes}
    found = compared("", "", "ms", command, contenders, days)
    return [
        replace(
            found,
            name=f"switching_{stage}",
            title=title,
            figures={name: [times[name, number][stage] for number in range(1, days + 1)] for name in contenders},
        )
        for stage, title in STAGES.items()
    ]


def size(rows: int) -> str:
    return f"{rows:,} documents"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, nargs="+", default=(10_000, 100_000))
    options.add_argument("--days", type=int, default=5)
    chosen = options.parse_args()
    sizes = " ".join(map(str, chosen.rows))
    command = f"PYTHONPATH=include python bench/switching.py --rows {sizes} --days {chosen.days}"
    with own_server(command) as (_, cluster, folder):
        for found in compare(cluster, folder, chosen.rows, chosen.days, command):
            print(in_words(found), found.save(), sep="\n")


if __name__ == "__main__":
    main()
