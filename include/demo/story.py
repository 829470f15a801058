"""The main job, told as it happens: a real OpenSearch, a real Airflow, one corpus made searchable, twice.

python -m demo.story up      start everything, run the daily DAG, search, run the day again; leaves it running
python -m demo.story down    stop what `up` started; data are kept
python -m demo.story search "money back for a cracked screen"
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local_airflow.api import AirflowApi
from local_airflow.services import AirflowError, Services
from local_airflow.settings import Login, environment, login_of
from local_cluster import LocalCluster, start, stop
from local_cluster.errors import PortTakenError
from local_cluster.ports import is_free
from local_cluster.told import told
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.load import load_corpus
from sparse_index.errors import SparseIndexError
from sparse_index.live.alias import observe_alias
from sparse_index.query.search import search
from sparse_index.query.table import side_by_side

ROOT = Path(__file__).parents[2]
CORPUS = "tickets"
DAG_ID = f"sparse_index__{CORPUS}"
QUERIES = (
    "money back for a cracked screen",
    "loud fridge",
    "sluggish software",
)
ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
POLL_S = 1.0
RUN_DEADLINE_S = 1800.0


class Demo:
    """Where the demo lives (`.local` below the project) and how its pieces are reached."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._local = root / ".local"
        self._server: LocalCluster | None = None

    @property
    def airflow_home(self) -> Path:
        return self._local / "airflow"

    @property
    def server(self) -> LocalCluster:
        """The local OpenSearch; started at the first call."""
        if self._server is None:
            self._server = start(self._local / "plain", "plain")
        return self._server

    def services(self) -> Services:
        settings = environment(self._root, self.airflow_home, {"host": self.server.host, "port": self.server.port})
        return Services(self.airflow_home, settings)

    def cluster(self) -> Cluster:
        return Cluster.connect(ConnectionSettings(self.server.host, self.server.port, use_ssl=False))

    def stop(self) -> None:
        if self.airflow_home.exists():
            Services(self.airflow_home, {}).stop()
        stop(self._local / "plain")


def up(demo: Demo) -> int:
    """0 when both runs ended well."""
    _say("Starting OpenSearch 3.6.0 (the first time its packages are downloaded: about 1 GB)")
    _say(f"OpenSearch answers at {demo.server.url}")
    services = demo.services()
    _say("Starting Airflow's services")
    services.prepare()
    login = login_of(demo.airflow_home)
    require_port(demo.airflow_home, services, login)
    services.start()
    api = AirflowApi(login)
    api.wait_until_ready(DAG_ID)
    _say("Searches before the run")
    _searches(demo)
    _say("Day 1: the daily DAG")
    good = _day(api, _todays_run(api))
    _say("Searches after the run")
    _searches(demo)
    _say("Day 2: the same corpus again")
    good = _day(api, api.trigger(DAG_ID)) and good
    _say(f"Airflow runs on: {login.url}  login {login.username}  password {login.password}  (make stop ends it)")
    return 0 if good else 1


def require_port(home: Path, services: Services, login: Login) -> None:
    """PortTakenError when somebody else has the port that Airflow's UI had before."""
    if not services.is_running("api-server") and not is_free(login.port):
        raise PortTakenError(
            f"Port {login.port}, which Airflow's UI had here before, is in use by another process. Stop that one, or remove "
            f"{home / 'login.json'}: then another port is taken."
        )


def _todays_run(api: AirflowApi) -> str:
    """A run for today's date: the one that the schedule would start by itself as soon as the DAG is not paused."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    known = api.get(f"/dags/{DAG_ID}/dagRuns", logical_date_gte=today.isoformat(), limit=1)["total_entries"]
    return api.trigger(DAG_ID, logical_date=None if known else today)


def _day(api: AirflowApi, run_id: str) -> bool:
    """Print each task as it ends, until the run has; says whether it succeeded."""
    started, told = time.monotonic(), set[tuple[str, int]]()
    while (state := api.run_state(DAG_ID, run_id)) not in ("success", "failed"):
        _tell(api, run_id, told)
        if time.monotonic() - started > RUN_DEADLINE_S:
            raise TimeoutError(f"Run {run_id} is still {state} after {RUN_DEADLINE_S:.0f} s. Look at it in the UI.")
        time.sleep(POLL_S)
    _tell(api, run_id, told)
    receipt = api.xcom(DAG_ID, run_id, "receipt", -1)
    print(f"  run {run_id}: {state} in {time.monotonic() - started:.0f} s. {(receipt or {}).get('summary', '')}")
    return state == "success"


def _tell(api: AirflowApi, run_id: str, told: set[tuple[str, int]]) -> None:
    ended = [task for task in api.task_instances(DAG_ID, run_id) if task["state"] in ENDED]
    for task in sorted(ended, key=lambda task: task["end_date"] or ""):
        key = task["task_id"], task["map_index"]
        if key not in told:
            told.add(key)
            print(f"  {_name(task):<46}{task['state']:<10}{task['duration'] or 0:>7.1f} s  {_speed(api, run_id, task)}")


def _name(task: Mapping[str, Any]) -> str:
    label = task.get("rendered_map_index")
    return f"{task['task_id']} ({label})" if label and task["map_index"] >= 0 else str(task["task_id"])


def _speed(api: AirflowApi, run_id: str, task: Mapping[str, Any]) -> str:
    """Documents per second of an encode or index task, from what it returned."""
    counted = {"encode": "encoded", "index": "indexed"}.get(task["task_id"])
    if counted is None or task["state"] != "success":
        return ""
    result = api.xcom(DAG_ID, run_id, task["task_id"], task["map_index"]) or {}
    seconds = result.get("seconds") or 0
    return f"{result[counted]:,} documents, {result[counted] / seconds:,.0f}/s" if seconds else ""


def _searches(demo: Demo) -> None:
    for line in search_lines(demo, QUERIES):
        print(line)


def search_lines(demo: Demo, queries: tuple[str, ...]) -> Iterator[str]:
    """Both result lists for each query, or one line when there is nothing to search yet."""
    config = load_corpus(ROOT / "include" / "corpora" / f"{CORPUS}.yaml")
    with closing(demo.cluster()) as cluster:
        if observe_alias(cluster, config.alias).index is None:
            yield f"  '{config.alias}' does not exist yet: nothing can be found."
            return
        for query in queries:
            yield from side_by_side(search(cluster, config, query))


def _say(text: str) -> None:
    print(f"\n== {text}", flush=True)


def main(arguments: Sequence[str] | None = None, demo: Demo | None = None) -> int:
    """Exit codes: 0 done, 1 failed (message on stderr), 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m demo.story", description=__doc__.partition("\n")[0])
    parser.add_argument("command", choices=("up", "down", "search"))
    parser.add_argument("query", nargs="?", default=QUERIES[0])
    options = parser.parse_args(arguments)
    return told(lambda: _run(demo or Demo(), options), AirflowError, SparseIndexError)


def _run(demo: Demo, options: argparse.Namespace) -> int:
    if options.command == "up":
        return up(demo)
    if options.command == "down":
        demo.stop()
        return 0
    print("\n".join(search_lines(demo, (options.query,))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
