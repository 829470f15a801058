"""Corpora that a live Airflow works on, and how to tell by its requests which stage a run is in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from faulty_proxy import ONE_TEXT, Seen
from promises import Documents
from real_builds import MODEL_ZIP, documents
from real_day import DEMO
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.load import load_corpus
from sparse_index.ml.sources import local_zip
from sparse_index.pipeline import run
from sparse_index.store.files import Store

MODEL = "live-sparse"
Request = Callable[[Seen], bool]


def _ends_with(words: str) -> Request:
    return lambda seen: seen.path.partition("?")[0].endswith(words)


def _contains(method: str, words: str) -> Request:
    return lambda seen: seen.method == method and words in seen.path


def _searches_a_candidate(seen: Seen) -> bool:
    return "--b" in seen.path and _ends_with("/_search")(seen)


def _switches_the_alias(seen: Seen) -> bool:
    return seen.verb == "_aliases" and b"is_write_index" in seen.body


# What a task asks that no other asks before it, once the run has written what OPENED_BY names.
STAGES: Mapping[str, Request] = {
    "register_model": _ends_with("/models/_register"),
    "wait_registered": _contains("GET", "/_ml/tasks/"),
    "deploy_model": _ends_with("/_deploy"),
    "wait_deployed": _contains("GET", "/_ml/profile/models/"),
    "prove_encoder": lambda seen: seen.verb == ONE_TEXT,
    "encode": lambda seen: seen.verb == "_predict",
    "prepare_candidate": _contains("PUT", "--b"),
    "index": _ends_with("/_bulk"),
    "reconcile": _ends_with("/_refresh"),
    "gate": _searches_a_candidate,
    "promote": _switches_the_alias,
}
# Where an earlier task asks the same: the files of the store of which the run has written one when the stage is open. Preflight
# and the plan try a candidate, the books count with a search; of `encode`, the first finished chunk.
OPENED_BY: Mapping[str, str] = {
    "encode": "vectors/**/*.parquet",
    "prepare_candidate": "*/builds/*/plan.json",
    "gate": "*/builds/*/reports/books.json",
}


@dataclass(frozen=True)
class LiveCorpus:
    """Short texts, an alias and a store of their own; its DAG is there from the beginning."""

    name: str
    folder: Path

    @property
    def alias(self) -> str:
        return f"live-{self.name}"

    @property
    def dag_id(self) -> str:
        return f"sparse_index__{self.name}"

    @property
    def config(self) -> CorpusConfig:
        return load_corpus(self._file)

    @property
    def store(self) -> Store:
        return Store(self.config.store)

    @property
    def _file(self) -> Path:
        return self.folder / "corpora" / f"{self.name}.yaml"

    def configure(self) -> None:
        """The model is a file on the server's own disk, registered by its URL."""
        about = {"source": "url", "name": MODEL, "version": "1.0.0"}
        url = {"url": f"file://{MODEL_ZIP}", "sha256": local_zip(str(MODEL_ZIP)).sha256}
        config = {
            "alias": self.alias,
            "store": str(self.folder / "stores" / self.name),
            "owner": "test",
            "schedule": None,
            "cluster_settings": "ensure",
            "source": {"uri": str(self.folder / f"{self.name}.parquet"), "id_column": "id", "text_template": "{text}"},
            "encoder": {"model": about | url, "docs_per_request": 32, "chunk_docs": 64},
            "index": {"replicas": 0},
            "limits": {"max_changed_share": 1},
            "late_after_minutes": 60,
            "alerts": [{"notifier": "told.Writes", "arguments": {"to": str(self._told)}}],
        }
        self._file.parent.mkdir(exist_ok=True)
        self._file.write_text(yaml.safe_dump(config))

    @property
    def _told(self) -> Path:
        return self.folder / f"{self.name}.told"

    def told(self) -> list[dict[str, Any]]:
        """Kind and text of every message that Airflow's processes have sent of this corpus."""
        lines = self._told.read_text(encoding="utf-8").splitlines() if self._told.exists() else []
        return [json.loads(line) for line in lines]

    def write(self, rows: int, mark: str) -> None:
        """`mark` is in every text, with a word that no other call has: every text must be encoded anew, also when a test is
        repeated."""
        titles = pq.read_table(DEMO / "corpora" / "tickets" / "tickets.parquet")["title"].to_pylist()
        own = f"{mark} {uuid4().hex}"
        texts = [f"{titles[n % len(titles)]} {n} {own}" for n in range(rows)]
        table = pa.table({"id": [f"d{n}" for n in range(rows)], "text": texts})
        pq.write_table(table, self.folder / f"{self.name}.parquet")

    def remove(self) -> None:
        """As if nothing had been delivered."""
        (self.folder / f"{self.name}.parquet").unlink()

    def request_of(self, stage: str) -> Request:
        """What opens that stage of a run that comes."""
        asks, store = STAGES[stage], Path(self.config.store)
        if stage not in OPENED_BY:
            return asks
        before = set(store.glob(OPENED_BY[stage]))
        return lambda seen: asks(seen) and not before.issuperset(store.glob(OPENED_BY[stage]))

    def build(self, cluster: Cluster) -> None:
        """What a run does, without Airflow."""
        _build(cluster, self.config)

    def undisturbed(self, cluster: Cluster) -> Documents:
        """What one build of the corpus as it is puts into an index, without Airflow and from nothing."""
        changes = {"alias": f"{self.alias}-undisturbed", "store": f"{self.config.store}-undisturbed"}
        config = self.config.model_copy(update=changes)
        _build(cluster, config)
        return documents(cluster, config.alias)


def _build(cluster: Cluster, config: CorpusConfig) -> None:
    run(cluster, config, Store(config.store), RunRequest(run_id="by-hand", data_date=datetime.now(UTC).date()))
