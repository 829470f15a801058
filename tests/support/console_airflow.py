"""A real Airflow with the console in it, for a browser: a corpus with a past, its last build made by a run, and a broken one.

A second API server on the same database lives under a base path, as behind a proxy of a company. Nothing schedules: runs that a
person starts stay queued.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import requests
import yaml

from build_plans import remove_indices
from live_airflow import LiveRun
from live_corpora import LiveCorpus
from local_airflow.api import AirflowApi
from local_airflow.services import Services
from local_airflow.settings import Login, environment, login_of
from local_cluster.ports import find_free
from own_servers import discard_airflow, ended_with_this_process
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.names import new_build_id
from sparse_index.operations.cleanup import Action, Cleanup, Kind
from sparse_index.operations.janitor import save_cleanup

ROOT = Path(__file__).parents[2]
ROLES = ("admin", "user", "viewer")
BASES = ("", "/airflow")
PAST_BUILDS = 40
# A connection to a port where nobody listens.
REFUSING = "opensearch_refusing"
ROWS = 60
PRICES = {"currency": "EUR", "ml_node_hour": 0.40, "index_gb_month": 0.15, "store_gb_month": 0.02}


GOLDEN = {
    "checks": [
        {"name": "golden", "verdict": "pass", "value": -0.004, "limit": 0.02, "words": "nDCG@10 0.812 -> 0.808"}
    ],
    "moved": [
        {"id": "q1", "text": "water", "alike": 0.4, "ndcg": -0.12, "filters": []},
        {"id": "q2", "text": "laundry appliance", "alike": 0.7, "ndcg": None, "filters": ["text!=x"]},
    ],
}


@dataclass(frozen=True)
class ConsoleAirflow:
    """`logins`: by base path, where each API server is. Everybody is called like his role, and has the password of all."""

    logins: Mapping[str, Login]
    corpus: LiveCorpus
    run_id: str
    build_id: str

    def token(self, base: str, role: str) -> str:
        login = self.logins[base]
        body = {"username": role, "password": login.password}
        answer = requests.post(f"{login.url}/auth/token", json=body, timeout=60)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    @contextmanager
    def planned_run(self) -> Iterator[tuple[str, str]]:
        """(Run id, build id) of a run that a person has started and that has a plan: it is taken away again."""
        api, build_id = AirflowApi(self.logins[""]), new_build_id(datetime.now(UTC), "fff")
        api.wait_until_ready(self.corpus.dag_id)
        run_id = str(api.post(f"/dags/{self.corpus.dag_id}/dagRuns", {"logical_date": None})["dag_run_id"])
        folder = f"{self.corpus.alias}/builds"
        plan = self.corpus.store.read_json(f"{folder}/{self.build_id}/plan.json")
        plan["request"]["run_id"] = run_id
        self.corpus.store.write_json(f"{folder}/{build_id}/plan.json", plan)
        try:
            yield run_id, build_id
        finally:
            self.corpus.store.delete(f"{folder}/{build_id}/plan.json")


@contextmanager
def console_airflow(folder: Path, opensearch: ConnectionSettings, cluster: Cluster) -> Iterator[ConsoleAirflow]:
    home, under_a_path = folder / "airflow", folder / "under-a-path"
    under_a_path.mkdir()
    corpus = LiveCorpus("tickets", folder)
    _configure(corpus)
    _write(corpus, "before")
    (folder / "corpora" / "torn.yaml").write_text("alias: torn\nowner: test\n")
    _lose_the_cluster(corpus)
    try:
        with ended_with_this_process(home, discard_airflow), ended_with_this_process(under_a_path, discard_airflow):
            services, second, logins = _services(folder, home, under_a_path, opensearch)
            services.airflow("db", "migrate")
            services.process("api-server").start()
            second.process("api-server").start()
            corpus.build(cluster)
            _write(corpus, "after")
            services.airflow("dags", "reserialize")
            services.airflow("dags", "test", corpus.dag_id)
            apis = {base: AirflowApi(login) for base, login in logins.items()}
            for api in apis.values():
                api.wait_until_ready(corpus.dag_id)
            run = _the_run(apis[""], corpus)
            _remember_builds(corpus, run.plan().build_id)
            _remember_a_look(corpus)
            yield ConsoleAirflow(logins, corpus, run.run_id, run.plan().build_id)
    finally:
        remove_indices(cluster, corpus.alias)


def _the_run(api: AirflowApi, corpus: LiveCorpus) -> LiveRun:
    (found,) = api.get(f"/dags/{corpus.dag_id}/dagRuns")["dag_runs"]
    run = LiveRun(api, corpus.dag_id, found["dag_run_id"])
    if run.state() != "success":
        raise RuntimeError(f"the run that the browser is to look at failed: {run.states()}")
    return run


def _configure(corpus: LiveCorpus) -> None:
    """Rows without an id do not stop it: its dead letters are looked at. Nobody is told of anything: `airflow dags test` of 3.3.2
    stops at a DAG with a deadline that the database knows already."""
    corpus.configure()
    file = corpus.folder / "corpora" / f"{corpus.name}.yaml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    config["description"] = "Tickets of the support desk, one row a ticket."
    del config["late_after_minutes"], config["alerts"]
    config["limits"] |= {"max_dead_letter_share": 1}
    file.write_text(yaml.safe_dump(config), encoding="utf-8")


def _lose_the_cluster(corpus: LiveCorpus) -> None:
    """Another corpus, behind a cluster that does not answer."""
    config = corpus.config.model_dump(mode="json", exclude_unset=True)
    changes = {"alias": "lost", "store": f"{corpus.config.store}-lost", "connection": REFUSING}
    (corpus.folder / "corpora" / "lost.yaml").write_text(yaml.safe_dump(config | changes), encoding="utf-8")


def _write(corpus: LiveCorpus, mark: str) -> None:
    corpus.write(ROWS, mark)
    file = corpus.folder / f"{corpus.name}.parquet"
    nameless = pa.table({"id": pa.nulls(3, pa.string()), "text": [f"a ticket that nobody can name {mark}"] * 3})
    pq.write_table(pa.concat_tables([pq.read_table(file), nameless]), file)


def _services(
    folder: Path, home: Path, under_a_path: Path, opensearch: ConnectionSettings
) -> tuple[Services, Services, dict[str, Login]]:
    login, base = login_of(home), BASES[1]
    (home / "passwords.json").write_text(json.dumps(dict.fromkeys(ROLES, login.password)))
    port = find_free()
    other = replace(login, url=f"http://127.0.0.1:{port}{base}", port=port)
    settings = environment(ROOT, home, {"host": opensearch.host, "port": opensearch.port}) | {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{role}:{role}" for role in ROLES),
        "SPARSE_INDEX_CORPORA": str(folder / "corpora"),
        "SPARSE_INDEX_PRICES": json.dumps(PRICES),
        f"AIRFLOW_CONN_{REFUSING.upper()}": json.dumps({"conn_type": "opensearch", "host": "127.0.0.1", "port": 9}),
    }
    elsewhere = {"AIRFLOW__API__PORT": str(port), "AIRFLOW__API__BASE_URL": other.url}
    return Services(home, settings), Services(under_a_path, settings | elsewhere), {"": login, base: other}


def _remember_builds(corpus: LiveCorpus, build_id: str) -> None:
    """Builds of the days before, made up after a real one: a browser draws them, and nothing else reads them."""
    receipt = corpus.store.read_json(f"{corpus.alias}/builds/{build_id}/receipt.json")
    now = datetime.now(UTC)
    for days in range(1, PAST_BUILDS + 1):
        ended = now - timedelta(days=days)
        its_id = new_build_id(ended, f"{days:03x}")
        path = f"{corpus.alias}/builds/{its_id}/receipt.json"
        golden = {"gate": receipt["gate"] | GOLDEN} if days == 1 else {}
        corpus.store.write_json(path, receipt | _past(receipt, days, ended) | golden)


def _remember_a_look(corpus: LiveCorpus) -> None:
    leftover = Action(kind=Kind.FILES, name=f"{corpus.alias}/tmp", reason="no run needs it any more")
    stale = {corpus.alias: f"'{corpus.alias}' is older than 36 hours."}
    found = Cleanup(
        at=datetime.now(UTC), actions=[leftover], notes=[], unproven=["an index without a mark"], stale=stale
    )
    save_cleanup(corpus.store, found)


def _past(receipt: Mapping[str, Any], days: int, ended: datetime) -> dict[str, Any]:
    outcome = "failed" if days % 13 == 7 else "nothing_changed" if days % 7 == 3 else "promoted"
    grown = 1 + (PAST_BUILDS - days) / PAST_BUILDS
    wave = 1 + (days * 7 % 11) / 5
    changed = {
        "new": round(9 * wave),
        "text_changed": round(25 * wave),
        "fields_changed": days % 5,
        "deleted": days % 4,
    }
    return {
        "outcome": outcome,
        "failures": {"encode[0]": "No ML node answered."} if outcome == "failed" else {},
        "ended_at": ended.isoformat(),
        "data_date": ended.date().isoformat(),
        "books": dict(receipt["books"]) | {"documents": round(1000 * grown), "reused": round(900 * grown)},
        "planned": dict(receipt["planned"]) | changed,
        "encode": dict(receipt["encode"]) | {"encoded": round(34 * wave), "seconds": 2.0 * wave},
        "stage_seconds": {name: seconds * wave for name, seconds in receipt["stage_seconds"].items()},
        "bytes": {"candidate": round(2e6 * grown), "store": round(9e4 * wave), "vectors": round(3e4 * wave)},
        "wall_seconds": 20.0 * wave,
    }
