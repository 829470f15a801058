"""The main job, told as it happens: a real OpenSearch, a real Airflow, one corpus made searchable, twice.

python -m demo.story up      start everything, run the daily DAG, search, run the day again; leaves it running
python -m demo.story down    stop what `up` started; data are kept
python -m demo.story search "water damage"
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from demo.real_models import fetch_models
from demo.told_runs import ToldRuns
from local_airflow.api import AirflowApi
from local_airflow.services import AirflowError, Services
from local_airflow.settings import Login, environment, login_of
from local_cluster import LocalCluster, start, stop
from local_cluster.errors import PortTakenError
from local_cluster.ports import is_free
from local_cluster.told import told
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.load import load_corpus
from sparse_index.config.search import SearchMode
from sparse_index.errors import SparseIndexError
from sparse_index.live.alias import observe_alias
from sparse_index.query.search import search
from sparse_index.query.table import side_by_side

ROOT = Path(__file__).parents[2]
CORPUS = "tickets"
DAG_ID = f"sparse_index__{CORPUS}"
SERVING_DAG_ID = f"{DAG_ID}__serving"
SERVING_EVERY = timedelta(minutes=15)
HITS = 5
QUERIES = (
    "water damage",
    "money back for a cracked screen",
    "delivery delayed",
)


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

    def pack_models(self) -> None:
        """Where the corpus files look for them."""
        fetch_models(self._local / "models")

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
    """0 when all runs ended well."""
    _say("Starting OpenSearch 3.6.0 (the first time its packages are downloaded: about 1 GB)")
    _say(f"OpenSearch answers at {demo.server.url}")
    _say("Packing the models (the first time they are downloaded: 34 MB)")
    demo.pack_models()
    services = demo.services()
    _say("Starting Airflow's services")
    services.prepare()
    login = login_of(demo.airflow_home)
    require_port(demo.airflow_home, services, login)
    services.start()
    api = AirflowApi(login)
    api.wait_until_ready(DAG_ID)
    api.wait_until_ready(SERVING_DAG_ID)
    _say("Searches before the run")
    _searches(demo)
    days, serving = ToldRuns(api, DAG_ID), ToldRuns(api, SERVING_DAG_ID)
    _say("What queries need: the serving DAG, which keeps it there from now on")
    good = serving.follow(_first_run(api, SERVING_DAG_ID, SERVING_EVERY))
    _say("Day 1: the daily DAG")
    good = days.follow(_first_run(api, DAG_ID, timedelta(days=1))) and good
    _say("Searches after the run")
    _searches(demo)
    _say("Day 2: the same corpus again")
    second = api.trigger(DAG_ID)
    good = days.follow(second) and good
    _say(f"Airflow runs on: {login.url}  login {login.username}  password {login.password}  (make stop ends it)")
    _say(f"What it made of the corpus: {login.url}/plugin/search/sparse-index/runs/{DAG_ID}/{quote(second, safe='')}")
    return 0 if good else 1


def require_port(home: Path, services: Services, login: Login) -> None:
    """PortTakenError when somebody else has the port that Airflow's UI had before."""
    if services.process("api-server").pid is None and not is_free(login.port):
        raise PortTakenError(
            f"Port {login.port}, which Airflow's UI had here before, is in use by another process. Stop that one, or remove "
            f"{home / 'login.json'}: then another port is taken."
        )


def _first_run(api: AirflowApi, dag_id: str, every: timedelta) -> str:
    """The run that the schedule would start by itself as soon as the DAG is not paused; another one if it was there."""
    now = datetime.now(UTC)
    due = now - (now - datetime.min.replace(tzinfo=UTC)) % every
    known = api.get(f"/dags/{dag_id}/dagRuns", logical_date_gte=due.isoformat(), limit=1)["total_entries"]
    return api.trigger(dag_id, logical_date=None if known else due)


def _searches(demo: Demo) -> None:
    for line in search_lines(demo, QUERIES):
        print(line)


def search_lines(demo: Demo, queries: tuple[str, ...]) -> Iterator[str]:
    """BM25's hits beside those of the corpus's own mode, for each query, or one line when there is nothing to search yet."""
    config = load_corpus(ROOT / "include" / "corpora" / f"{CORPUS}.yaml")
    with closing(demo.cluster()) as cluster:
        if observe_alias(cluster, config.alias).index is None:
            yield f"  '{config.alias}' does not exist yet: nothing can be found."
            return
        for query in queries:
            words = search(cluster, config, query, mode=SearchMode.BM25, size=HITS, explain=True)
            yield from side_by_side(words, search(cluster, config, query, size=HITS, explain=True))


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
