"""A day with nothing to do, in a real Airflow: the whole run, from its trigger to its end.

    PYTHONPATH=include python bench/idle_day.py [--rows 2000] [--rounds 5]

The corpus was built; then its DAG runs again and again, and in turn with it the DAGs of bench/empty_day.py, whose tasks do
nothing. Two tables: seconds of a run, and processor seconds of all of Airflow's processes meanwhile, which other work on the
machine does not lengthen as much. `--tasks` also prints how long each task took, median over the rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from demo.generate import CorpusRequest, generate_corpus
from local_airflow.api import AirflowApi
from local_airflow.services import SERVICES, Services
from local_airflow.settings import environment, login_of
from local_cluster import LocalCluster
from side_by_side import Comparison, Contender, compared, in_words, own_server

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "include" / "demo" / "toy_models" / "sparse" / "model.zip"
OURS = "sparse_index__idle"
DAGS = {"this package": OURS, "same tasks, empty": "same_tasks", "a chain of empty tasks": "chain"}
POLL_S = 0.5
ENDED = ("success", "failed")
Cost = tuple[float, float]


@dataclass(frozen=True)
class Days:
    """Runs of the DAGs; what each task took, by DAG."""

    api: AirflowApi
    services: Services
    costs: dict[tuple[str, int], Cost] = field(default_factory=dict)
    tasks: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def run(self, dag_id: str, number: int) -> float:
        """Seconds of the run; its processor seconds are kept."""
        before = cpu_seconds(self.services)
        run_id = self.api.trigger(dag_id)
        while (state := self.api.run_state(dag_id, run_id)) not in ENDED:
            time.sleep(POLL_S)
        spent = cpu_seconds(self.services) - before
        tasks = self.api.task_instances(dag_id, run_id)
        if state != "success":
            raise SystemExit(f"{dag_id} ended {state}: {[(task['task_id'], task['state']) for task in tasks]}")
        for task in tasks:
            self.tasks[dag_id][f"{task['task_id']} ({task['state']})"].append(task["duration"] or 0.0)
        run = self.api.get(f"/dags/{dag_id}/dagRuns/{run_id}")
        began, ended = (datetime.fromisoformat(run[name]) for name in ("queued_at", "end_date"))
        self.costs[dag_id, number] = (ended - began).total_seconds(), spent
        return self.costs[dag_id, number][0]

    def require_same_tasks(self) -> None:
        ours, empty = (set(self.tasks[dag_id]) for dag_id in (OURS, DAGS["same tasks, empty"]))
        if ours != empty:
            raise SystemExit(f"The DAGs ran and skipped different tasks: {sorted(ours ^ empty)}")


def cpu_seconds(services: Services) -> float:
    """Of all of Airflow's processes, those that have ended and were waited for too."""
    return sum(map(_cpu_of, _processes(services))) / os.sysconf("SC_CLK_TCK")


def _processes(services: Services) -> Iterator[int]:
    for name in SERVICES:
        for session in services.process(name).sessions:
            yield from session.members()


def _cpu_of(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))


def write_corpus(folder: Path, rows: int) -> None:
    generate_corpus(CorpusRequest("tickets", rows), folder / "corpus")
    config = {
        "alias": "idle",
        "store": str(folder / "store"),
        "schedule": None,
        "cluster_settings": "ensure",
        "source": {"uri": str(folder / "corpus"), "id_column": "id", "text_template": "{title}. {body}"},
        "encoder": {"model": {"source": "file", "name": "toy-sparse", "version": "1.0.0", "path": str(MODEL)}},
        "index": {"replicas": 0},
    }
    (folder / "corpora").mkdir()
    (folder / "corpora" / "idle.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def settings_of(server: LocalCluster, folder: Path) -> Mapping[str, str]:
    """Airflow as the demo runs it, with the DAG file of the daily build and the empty ones, and no other."""
    dags = folder / "dags"
    dags.mkdir()
    for file in (ROOT / "dags" / "daily_build.py", ROOT / "bench" / "empty_day.py"):
        (dags / file.name).symlink_to(file)
    own = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "SPARSE_INDEX_CORPORA": str(folder / "corpora"),
        "PYTHONDONTWRITEBYTECODE": "",  # whatever the shell says: an installed package is compiled once, not by each task
    }
    return environment(ROOT, folder / "airflow", {"host": server.host, "port": server.port}) | own


@contextmanager
def airflow(server: LocalCluster, folder: Path) -> Iterator[Days]:
    home = folder / "airflow"
    services = Services(home, settings_of(server, folder))
    services.prepare()
    services.start()
    try:
        api = AirflowApi(login_of(home))
        for dag_id in DAGS.values():
            api.wait_until_ready(dag_id)
        yield Days(api, services)
    finally:
        services.stop()


def compare(days: Days, rounds: int, command: str) -> tuple[Comparison, Comparison]:
    days.run(OURS, -1)
    days.tasks.clear()
    contenders: dict[str, Contender] = {name: partial(days.run, dag_id) for name, dag_id in DAGS.items()}
    found = compared("idle_day", "A day with nothing to do, in Airflow", "seconds", command, contenders, rounds)
    days.require_same_tasks()
    spent = {name: [days.costs[dag_id, number][1] for number in range(1, rounds + 1)] for name, dag_id in DAGS.items()}
    title = "The same days, processor time of Airflow's processes"
    about: Any = {"unit": "seconds", "command": command, "ours": found.ours, "measured_at": found.measured_at}
    return found, Comparison("idle_day_cpu", title, figures=spent, machine=found.machine, load=found.load, **about)


def print_tasks(days: Days) -> None:
    for dag_id, tasks in days.tasks.items():
        print(dag_id)
        for name, seconds in tasks.items():
            print(f"  {name}: {statistics.median(seconds):.2f}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, default=2_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--tasks", action="store_true")
    chosen = options.parse_args()
    command = f"PYTHONPATH=include python bench/idle_day.py --rows {chosen.rows} --rounds {chosen.rounds}"
    with own_server(command) as (server, _, folder):
        write_corpus(folder, chosen.rows)
        with airflow(server, folder) as days:
            for found in compare(days, chosen.rounds, command):
                print(in_words(found), found.save(), sep="\n")
            if chosen.tasks:
                print_tasks(days)


if __name__ == "__main__":
    main()
