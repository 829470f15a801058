"""Many workers, told as it happens: one corpus is built twice by three Celery workers, the second time while things die.

python -m many_workers.story up      install, start, build twice, compare; ends what it started
python -m many_workers.story down    end what an interrupted `up` left
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from local_airflow.processes import Process
from local_airflow.services import AirflowError
from local_cluster.told import told
from many_workers.content import content_hash
from many_workers.deployment import CORPORA, Deployment, alias_of, dag_of
from many_workers.runs import Run
from many_workers.supervisor import supervised
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.load import load_corpus
from sparse_index.errors import SparseIndexError
from sparse_index.query.search import search
from sparse_index.query.table import in_lines

ROOT = Path(__file__).parents[2]
ROWS = 6_000
BETWEEN_S = 15.0
QUERY = "water damage"
REPORT = "many-workers.md"
MAPPED = ("scan", "encode", "index")


@dataclass(frozen=True)
class Built:
    """What came of one run. `documents`, `content`: how many the index has, and the sha256 of them all."""

    state: str
    seconds: float
    workers: dict[str, Counter[str]]
    again: int
    documents: int
    content: str


def up(deployment: Deployment, rows: int) -> int:
    """0 when both runs were green, spread over the workers, and gave the same index."""
    _say("Packages and code of four machines: a head and three workers (the first time some minutes)")
    deployment.discard()
    deployment.install()
    _say(f"OpenSearch, PostgreSQL, Redis, an S3-compatible store, Airflow; {rows:,} tickets, a toy model")
    deployment.start(rows)
    _say("The daily DAG, undisturbed")
    calm = _built(deployment, CORPORA[0], Run.begin(deployment.api, dag_of(CORPORA[0])))
    _search(deployment)
    _say("The same documents again, while a worker, Redis, PostgreSQL and the store are killed, one after the other")
    run = Run.begin(deployment.api, dag_of(CORPORA[1]))
    with supervised(deployment.processes()):
        kills = list(_kills(deployment, run))
        storm = _built(deployment, CORPORA[1], run)
    report = "\n".join(_report(calm, storm, kills))
    (deployment.folder.parent / REPORT).write_text(f"{report}\n", encoding="utf-8")
    print(f"\n{report}", flush=True)
    return 0 if _good(calm, storm) else 1


def _kills(deployment: Deployment, run: Run) -> Iterator[tuple[str, str]]:
    """SIGKILL to each in mid-run; gives whom, and during what."""
    servers = deployment.servers
    task = run.wait_for_running("encode")
    yield _killed(deployment.worker(task.worker), str(task))
    for victim in (servers.redis, servers.postgres):
        yield _killed(victim, str(run.wait_for_running("encode")))
    yield _killed(servers.store, str(run.wait_for_running("index")))


def _killed(victim: Process, during: str) -> tuple[str, str]:
    """The supervisor starts it again."""
    print(f"  SIGKILL of {victim.name} during {during}", flush=True)
    victim.kill()
    time.sleep(BETWEEN_S)
    return victim.name, during


def _built(deployment: Deployment, name: str, run: Run) -> Built:
    state, seconds = run.ends()
    tasks = [task for task in run.tasks() if task.state == "success"]
    workers = {kind: Counter(task.worker for task in tasks if task.task_id == kind) for kind in MAPPED}
    for kind, counts in workers.items():
        print(f"  {kind:<8}{', '.join(f'{worker}: {count}' for worker, count in sorted(counts.items()))}", flush=True)
    again = sum(task.tries - 1 for task in tasks)
    documents, content = content_hash(deployment.opensearch.url, alias_of(name)) if state == "success" else (0, "")
    return Built(state, seconds, workers, again, documents, content)


def _search(deployment: Deployment) -> None:
    config = load_corpus(deployment.head.code / "corpora" / f"{CORPORA[0]}.yaml")
    settings = ConnectionSettings(deployment.opensearch.host, deployment.opensearch.port, use_ssl=False)
    with closing(Cluster.connect(settings)) as cluster:
        print("\n".join(in_lines(search(cluster, config, QUERY, size=3))), flush=True)


def _report(calm: Built, storm: Built, kills: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield "| | undisturbed | disturbed |"
    yield "|---|---|---|"
    yield f"| run | {calm.state}, {calm.seconds:.0f} s | {storm.state}, {storm.seconds:.0f} s |"
    for kind in MAPPED:
        yield f"| {kind}, parts by worker | {_counts(calm.workers[kind])} | {_counts(storm.workers[kind])} |"
    yield f"| tasks begun again | {calm.again} | {storm.again} |"
    yield f"| documents | {calm.documents:,} | {storm.documents:,} |"
    yield f"| sha256 of documents and vectors | {calm.content[:16]} | {storm.content[:16]} |"
    yield f"| killed | - | {', '.join(f'{whom} ({during})' for whom, during in kills)} |"


def _counts(workers: Counter[str]) -> str:
    return ", ".join(f"{worker} {count}" for worker, count in sorted(workers.items()))


def _good(calm: Built, storm: Built) -> bool:
    spread = len(calm.workers["encode"]) > 1 and len(storm.workers["encode"]) > 1
    same = (calm.documents, calm.content) == (storm.documents, storm.content)
    return (calm.state, storm.state) == ("success", "success") and spread and same


def _say(text: str) -> None:
    print(f"\n== {text}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 failed (message on stderr), 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m many_workers.story", description=__doc__.partition("\n")[0])
    parser.add_argument("command", choices=("up", "down"))
    parser.add_argument("--rows", type=int, default=ROWS)
    options = parser.parse_args(arguments)
    deployment = Deployment(ROOT, ROOT / ".local" / "workers")
    return told(lambda: _run(deployment, options), AirflowError, SparseIndexError)


def _run(deployment: Deployment, options: argparse.Namespace) -> int:
    try:
        return up(deployment, options.rows) if options.command == "up" else 0
    finally:
        deployment.stop()


if __name__ == "__main__":
    raise SystemExit(main())
