"""A day on which a share of the corpus changed, from files to a searchable index: what it costs whom.

    PYTHONPATH=include python bench/day.py [--rows 20000] [--rounds 3] [--shares 0 0.01 0.05] [--model FOLDER]

200,000 rows, one share and one round take some twenty minutes on two cores, nearly all of it for four first loads.

The same files, model and server, interleaved, day after day; of the changed rows a quarter keeps its text, and as many are
deleted and added. Before the clock starts each has the day before.

- this package: the whole daily build in one process, which registers, deploys and deletes its model where it needs one.
- model kept: the same with a model that is kept deployed (`encoder.lifecycle: shared`), as the two below keep theirs.
- encoding again: this package with a store that is empty; what a rebuild costs him who keeps no vectors.
- pipeline, skip_existing: every document is sent; the ingest processor keeps the vector of a text that is there already. The
  model stays deployed. It deletes nothing, so rows that are gone stay in its index.
- script: bench/hash_cache.py. The model stays deployed.

`--model`: a folder with model.zip, as `python -m demo.real_models` packs, which reads `--max-tokens` of a text (`splade`: 256);
without it the small model of the tests.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
from opensearchpy import OpenSearch, helpers

import hash_cache
from day_costs import MODEL, config_of
from demo.edit import EditRequest, edit_corpus
from demo.generate import CorpusRequest, generate_corpus
from local_cluster import LocalCluster
from side_by_side import Comparison, Contender, compared, in_words, own_server
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.ml import verbs
from sparse_index.ml.build_models import build_models, deployed
from sparse_index.ml.settings import ensure_settings
from sparse_index.pipeline import make_plan, run
from sparse_index.serving.act import Serving, serve
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME

SHARES = (0.0, 0.01, 0.05)
FIRST_DAY = date(2026, 1, 1)
PIPELINE, SKIPPING, CACHED = "bench-day", "day-skipping", "day-cached"
MAPPING = {
    "properties": {"id": {"type": "keyword"}, "text": {"type": "text"}, "text_sparse": {"type": "rank_features"}}
}


@dataclass(frozen=True)
class Days:
    """The corpus of each day, made when it is first asked for; day 0 is the first load."""

    cluster: Cluster
    client: OpenSearch
    folder: Path
    rows: int
    share: float
    model: Path
    max_tokens: int
    model_id: str = ""

    def corpus(self, number: int) -> Path:
        target = self.folder / f"corpus-{number}"
        if not target.exists():
            if number == 0:
                generate_corpus(CorpusRequest("tickets", self.rows), target)
            else:
                edit_corpus(self.corpus(number - 1), target, EditRequest(self.share, self.share, self.share, number))
        return target

    def count(self, number: int) -> int:
        return int(ds.dataset(self.corpus(number)).count_rows())

    def config(self, number: int, store: str, lifecycle: str = "per_run") -> CorpusConfig:
        """With a store, and an alias, of that name."""
        asked = config_of(self.folder, self.corpus(number), self.model)
        encoder = asked.encoder.model_copy(update={"lifecycle": lifecycle, "max_tokens": self.max_tokens})
        return asked.model_copy(update={"store": str(self.folder / store), "alias": store, "encoder": encoder})


def build(days: Days, number: int, config: CorpusConfig) -> float:
    request = RunRequest(run_id=f"day-{number}", data_date=FIRST_DAY + timedelta(days=number))
    started = time.perf_counter()
    run(days.cluster, config, Store(config.store), request)
    seconds = time.perf_counter() - started
    require_all(days, config.alias, number)
    return seconds


def package(days: Days, number: int) -> float:
    return build(days, number, days.config(number, "days"))


def model_kept(days: Days, number: int) -> float:
    config = days.config(number, "kept", "shared")
    if number == 0:
        serve(Serving(days.cluster, Store(config.store), config, REAL_TIME))
    return build(days, number, config)


def again(days: Days, number: int) -> float:
    """It has no day before: the first load of the package has warmed server and client up."""
    return 0.0 if number == 0 else build(days, number, days.config(number, f"again-{number}"))


def skipping(days: Days, number: int) -> float:
    if number == 0:
        processor = {"model_id": days.model_id, "field_map": {"text": "text_sparse"}, "skip_existing": True}
        days.cluster.put(f"/_ingest/pipeline/{PIPELINE}", {"processors": [{"sparse_encoding": processor}]})
        empty_index(days, SKIPPING, {"default_pipeline": PIPELINE})
    corpus, started = days.corpus(number), time.perf_counter()
    rows = ds.dataset(corpus).to_table(hash_cache.COLUMNS)
    documents = (document(row) for batch in rows.to_batches() for row in batch.to_pylist())
    for answer in helpers.parallel_bulk(days.client, documents, 4, 8, queue_size=4, request_timeout=600):
        if not answer[0]:
            raise SystemExit(str(answer))
    days.cluster.post(f"/{SKIPPING}/_refresh")
    return time.perf_counter() - started


def document(row: dict[str, Any]) -> dict[str, Any]:
    return {"_index": SKIPPING, "_id": row["id"], "id": row["id"], "text": f"{row['title']}. {row['body']}"}


def script(days: Days, number: int) -> float:
    if number == 0:
        empty_index(days, CACHED, {})
    corpus, started = days.corpus(number), time.perf_counter()
    hash_cache.day(days.client, corpus, days.model_id, CACHED, days.folder / "cache")
    seconds = time.perf_counter() - started
    require_all(days, CACHED, number)
    return seconds


def empty_index(days: Days, name: str, settings: dict[str, Any]) -> None:
    days.cluster.delete(f"/{name}", ignore_unavailable="true")
    settings = {"number_of_replicas": 0, **settings}
    days.cluster.put(f"/{name}", {"settings": settings, "mappings": MAPPING})


def require_all(days: Days, index: str, number: int) -> None:
    found, wanted = days.cluster.get(f"/{index}/_count")["count"], days.count(number)
    if found != wanted:
        raise SystemExit(f"{index} has {found} documents on day {number}, the corpus {wanted}")


CONTENDERS: dict[str, Callable[[Days, int], float]] = {
    "this package": package,
    "model kept": model_kept,
    "encoding again": again,
    "pipeline, skip_existing": skipping,
    "script": script,
}


def compare(days: Days, rounds: int, command: str) -> Comparison:
    config = days.config(0, "model-only")
    ensure_settings(days.cluster, config)
    plan = make_plan(days.cluster, config, Store(config.store), RunRequest(run_id="model", data_date=FIRST_DAY))
    model_id = deployed(days.cluster, build_models(plan.group, plan.encoders))[plan.fingerprint]
    try:
        ready = replace(days, model_id=model_id)
        contenders: dict[str, Contender] = {name: partial(each, ready) for name, each in CONTENDERS.items()}
        name = f"day_{days.model.parent.name}_{days.rows}_{round(days.share * 100)}"
        title = f"A day with {days.share:.0%} changed, {days.rows:,} documents, model `{days.model.parent.name}`"
        return compared(name, title, "seconds", command, contenders, rounds)
    finally:
        verbs.remove_group(days.cluster, plan.group)


def client_of(server: LocalCluster) -> OpenSearch:
    return OpenSearch([{"host": server.host, "port": server.port}], timeout=600)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--shares", type=float, nargs="+", default=SHARES)
    options.add_argument("--model", type=Path, default=MODEL.parent)
    options.add_argument("--max-tokens", type=int, default=512)
    chosen = options.parse_args()
    command = f"PYTHONPATH=include python bench/day.py --rows {chosen.rows} --rounds {chosen.rounds}"
    if chosen.model != MODEL.parent:
        command += f" --model {chosen.model} --max-tokens {chosen.max_tokens}"
    for share in chosen.shares:
        told, model = f"{command} --shares {share:g}", chosen.model / "model.zip"
        with own_server(told) as (server, cluster, folder):
            days = Days(cluster, client_of(server), folder, chosen.rows, share, model, chosen.max_tokens)
            found = compare(days, chosen.rounds, told)
        print(in_words(found), found.save(), sep="\n", flush=True)


if __name__ == "__main__":
    main()
