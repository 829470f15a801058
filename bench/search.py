"""How long a search takes, per mode: p50 and p95 of whole searches, as `search` makes them, and their stages.

    PYTHONPATH=include python bench/search.py --models .local/models [--rows 2000 60000] [--clients 1 4] [--queries 30]

Support tickets with a sparse and a dense field of the demo's real models (`python -m demo.real_models` packs them), whose queries
a model encodes; the re-ranker is the tests' toy, so that a row of `rerank` says what is around it and not what a cross-encoder
takes. Of more than 2,000 documents the vectors beyond those are mixed of two real ones each: they cost an index and a search what
real ones cost, and nobody waits for hours until they are encoded.

Each line is measured twice: idle, and while a build encodes beside it (cores - 1 requests of 8 texts in flight). The modes take
turns, so that what else the machine does is in all of them alike. The first round of each mode is not counted.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import quantiles
from threading import Event
from typing import Any

import numpy as np
import pyarrow as pa

from demo.generate import CorpusRequest, generate_corpus
from demo.judgements import load_queries, queries_path
from local_cluster import start
from sparse_index.builds.request import Mode, RunRequest
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.cluster.cores import ml_cores
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.load import load_corpus
from sparse_index.config.search import SearchMode
from sparse_index.ml.life import life_of
from sparse_index.ml.predict import outputs
from sparse_index.ml.served import find
from sparse_index.pipeline import make_plan, run
from sparse_index.query.answer import Answer, Via
from sparse_index.query.search import search
from sparse_index.query.wish import modes
from sparse_index.serving.act import Serving, serve
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME
from sparse_index.vectors.files import PartFiles, vector_paths
from sparse_index.vectors.kinds import vector_kinds

ROOT = Path(__file__).parents[1] / "include"
ENCODED = 2_000
AT_ONCE = 5_000
SIZE = 10
DAY = date(2026, 1, 1)
WAYS = (Via.SERVER, Via.CLIENT)
Way = tuple[SearchMode, Via]


def config_of(folder: Path) -> CorpusConfig:
    """The demo's tickets with all that a search can be asked for."""
    demo = load_corpus(ROOT / "corpora" / "tickets.yaml").model_dump()
    fields = {
        name: field | {"encoder": field["encoder"] | {"lifecycle": "shared"}} for name, field in demo["vectors"].items()
    }
    cross = {
        "source": "file",
        "name": "toy-cross",
        "version": "1.0.0",
        "path": str(ROOT / "demo/toy_models/cross/model.zip"),
    }
    told = {"model_type": "bert", "embedding_dimension": 1, "framework_type": "huggingface_transformers"}
    sides, by_model = ["bm25", *fields], dict.fromkeys(fields, "model")
    return CorpusConfig.model_validate(
        {
            "alias": "searched",
            "store": str(folder / "store"),
            "cluster_settings": "ensure",
            "source": demo["source"] | {"uri": str(folder / "corpus")},
            "vectors": fields,
            "search": {"sides": sides, "query": by_model, "rerank": {"model": cross | {"model_config_body": told}}},
            "index": {"replicas": 0},
            "limits": {"max_changed_share": 1, "max_deleted_share": 1},
        }
    )


def mixed(vectors: pa.Table, hashes: Sequence[str], rng: random.Random) -> pa.Table:
    """A vector for each hash, half of it from one of `vectors` and half from another."""
    pairs = [(rng.randrange(len(vectors)), rng.randrange(len(vectors))) for _ in hashes]
    rows = vectors.to_pylist()
    made = [
        {"text_hash": text_hash, **_mixed(rows[one], rows[other])}
        for text_hash, (one, other) in zip(hashes, pairs, strict=True)
    ]
    return pa.Table.from_pylist(made, schema=vectors.schema)


def _mixed(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    if "vector" in one:
        numbers = np.array(one["vector"]) + np.array(other["vector"])
        return {"vector": (numbers / np.linalg.norm(numbers)).astype(np.float32)}
    weights: dict[str, float] = {}
    for row in (one, other):
        weights |= dict(list(zip(row["tokens"], row["weights"], strict=True))[::2])
    ordered = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))
    return {"tokens": [token for token, _ in ordered], "weights": [weight for _, weight in ordered]}


def make_vectors(cluster: Cluster, config: CorpusConfig, store: Store) -> None:
    """For every text of the corpus that has none."""
    plan = make_plan(cluster, config, store, RunRequest(run_id="made-up", data_date=DAY, mode=Mode.PLAN_ONLY))
    hashes = set(store.read_table(plan.manifest, ["text_hash"])["text_hash"].to_pylist())
    for name in config.vector_fields:
        fingerprint = plan.fingerprint_of(name)
        known = pa.concat_tables(store.read_table(path) for path in vector_paths(store, fingerprint))
        lacking = sorted(hashes - set(known["text_hash"].to_pylist()))
        files, rng = PartFiles(store, fingerprint, plan.build_id, 0), random.Random(1)
        for first in range(0, len(lacking), AT_ONCE):
            files.write_chunk(mixed(known, lacking[first : first + AT_ONCE], rng))


def built(cluster: Cluster, config: CorpusConfig, folder: Path, rows: int) -> float:
    """Live with so many documents; seconds of the run."""
    store = Store(config.store)
    for file in (folder / "corpus").glob("*.parquet"):
        file.unlink()
    generate_corpus(CorpusRequest("tickets", rows), folder / "corpus")
    if rows > ENCODED:
        make_vectors(cluster, config, store)
    serve(Serving(cluster, store, config, REAL_TIME))
    started = time.monotonic()
    done = run(cluster, config, store, RunRequest(run_id=str(rows), data_date=DAY, mode=Mode.FULL))
    if done.receipt["outcome"] != "promoted":
        raise SystemExit(f"The build of {rows} documents is {done.receipt['outcome']}: {done.receipt}")
    return time.monotonic() - started


@contextmanager
def encoding(cluster: Cluster, config: CorpusConfig, texts: Sequence[str]) -> Iterator[None]:
    """A build that encodes beside what is measured, with the models that queries need."""
    models = {}
    for name, field in config.vector_fields.items():
        models[name] = find(cluster, field, life_of(field).content_sha256(cluster))
    over = Event()

    def encode() -> None:
        while not over.is_set():
            for name, kind in vector_kinds(config).items():
                outputs(cluster, str(models[name]), kind, texts)

    with ThreadPoolExecutor(max(1, ml_cores(cluster) - 1)) as pool:
        jobs = [pool.submit(encode) for _ in range(max(1, ml_cores(cluster) - 1))]
        try:
            yield
        finally:
            over.set()
    for job in jobs:
        job.result()


def ways_of(config: CorpusConfig) -> list[Way]:
    """Who fuses makes a difference where something is fused."""
    fused = (SearchMode.HYBRID, SearchMode.RERANK)
    return [(mode, via) for mode in modes(config) for via in (WAYS if mode in fused else (Via.AUTO,))]


def timed(cluster: Cluster, config: CorpusConfig, query: str, way: Way) -> tuple[float, Answer]:
    """Milliseconds, and the answer."""
    mode, via = way
    started = time.perf_counter()
    answer = search(cluster, config, query, mode=mode, via=via, size=SIZE, strict=True)
    return (time.perf_counter() - started) * 1000, answer


def measured(
    cluster: Cluster, config: CorpusConfig, queries: Sequence[str], clients: int
) -> Mapping[Way, Sequence[tuple[float, Answer]]]:
    ways = ways_of(config)
    for way in ways:
        timed(cluster, config, queries[0], way)
    found: dict[Way, list[tuple[float, Answer]]] = defaultdict(list)
    with ThreadPoolExecutor(clients) as pool:
        jobs = [(way, pool.submit(timed, cluster, config, query, way)) for query in queries for way in ways]
        for way, job in jobs:
            found[way].append(job.result())
    return found


def row(start_: str, way: Way, found: Sequence[tuple[float, Answer]]) -> str:
    twentieths = quantiles([ms for ms, _ in found], n=20)
    stages = (
        quantiles([getattr(answer.times, name) * 1000 for _, answer in found], n=2)[0]
        for name in ("encode_s", "search_s", "rerank_s")
    )
    cells = " | ".join(f"{value:.0f}" for value in (twentieths[9], twentieths[18], *stages))
    return f"{start_} | {way[0]} | {way[1]} | {cells} |"


def lines(
    cluster: Cluster, config: CorpusConfig, rows: int, queries: Sequence[str], clients: Sequence[int]
) -> Iterator[str]:
    hits = search(cluster, config, queries[0], mode=SearchMode.BM25, size=8).hits
    for many in clients:
        for way, found in measured(cluster, config, queries, many).items():
            yield row(f"| {rows:,} | {many} | idle", way, found)
        with encoding(cluster, config, [hit.text for hit in hits]):
            for way, found in measured(cluster, config, queries, many).items():
                yield row(f"| {rows:,} | {many} | encoding", way, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[ENCODED, 60_000])
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--queries", type=int, default=30)
    options = parser.parse_args()
    os.environ["SPARSE_INDEX_MODELS"] = str(options.models.absolute())
    queries = [query.text for query in load_queries(queries_path("tickets"))[: options.queries]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = start(folder / "server", "plain")
        try:
            with closing(
                Cluster.connect(ConnectionSettings(server.host, server.port, use_ssl=False), attempts=1)
            ) as cluster:
                config = config_of(folder)
                built(cluster, config, folder, ENCODED)
                print(
                    f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {len(queries)} queries a line, {SIZE} hits, milliseconds"
                )
                print("| documents | clients | beside | mode | via | p50 | p95 | encode | search | re-rank |")
                print("|--:|--:|---|---|---|--:|--:|--:|--:|--:|", flush=True)
                for rows in options.rows:
                    seconds = built(cluster, config, folder, rows) if rows != ENCODED else 0
                    for line in lines(cluster, config, rows, queries, options.clients):
                        print(line, flush=True)
                    print(f"built in {seconds:.0f} s, load {os.getloadavg()[0]:.1f}", flush=True)
        finally:
            server.stop(discard_data=True)


if __name__ == "__main__":
    main()
