"""A full build whose vectors are all there: `PYTHONPATH=include python bench/rebuild.py [--rows 20000] [--rounds 5]`.

The corpus is built once, which encodes; then again and again in mode full, which takes every vector from the store. Documents
per second into an index of the same mapping, each time:

- index stage: with the default size of a body and requests in flight, and with others.
- script: the same files read with pyarrow, joined in a dict that holds all vectors, and sent by opensearch-py's `parallel_bulk`
  with orjson. It verifies no row, and its memory grows with the corpus.
- bulk writer alone: the same bytes, ready before the clock starts; nothing is read, joined or made to JSON.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from opensearchpy import OpenSearch, helpers
from pyarrow.dataset import dataset

from bulk import CHUNK, THREADS, Orjson
from day_costs import config_of
from demo.generate import CorpusRequest, generate_corpus
from local_cluster import LocalCluster
from side_by_side import Clock, Comparison, Contender, compared, in_words, own_server
from sparse_index.builds.plan import Plan
from sparse_index.builds.request import Mode, RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.hashes import hash_text
from sparse_index.index.bulk import BulkWriter, Write
from sparse_index.index.candidate import prepare_candidate
from sparse_index.index.documents import PartWrites
from sparse_index.index.part import index_part
from sparse_index.pipeline import make_plan, run
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME
from sparse_index.vectors.files import vector_paths

OTHERS = ((250_000, 4), (1_000_000, 2), (5_000_000, 2))


def request(number: int) -> RunRequest:
    return RunRequest(run_id=f"rebuild-{number}", data_date=date(2026, 1, 1), mode=Mode.FULL)


def planned(cluster: Cluster, config: CorpusConfig, number: int) -> Plan:
    """A full build with its candidate, nothing of which is encoded."""
    store = Store(config.store)
    plan = make_plan(cluster, config, store, request(number))
    if plan.encode_parts:
        raise SystemExit(f"{plan.counts.texts_to_encode} texts have no vector: nothing is measured")
    prepare_candidate(cluster, store, plan, REAL_TIME.now)
    return plan


def index_stage(cluster: Cluster, config: CorpusConfig, number: int, clock: Clock = time.perf_counter) -> float:
    """Documents a second of all index tasks, one after another."""
    plan, store = planned(cluster, config, number), Store(config.store)
    started = clock()
    done = sum(index_part(cluster, store, plan, part).indexed for part in plan.index_parts)
    rate = done / (clock() - started)
    cluster.delete(f"/{plan.candidate}")
    return rate


def writer_alone(cluster: Cluster, config: CorpusConfig, number: int, clock: Clock = time.perf_counter) -> float:
    """Documents a second when the writes are there before the clock starts; no part's end interrupts them."""
    plan, store = planned(cluster, config, number), Store(config.store)
    writes: list[Write] = [write for part in plan.index_parts for write in PartWrites(store, plan, part, REAL_TIME.now)]
    index = plan.config.index
    writer = BulkWriter(
        cluster, plan.write_alias, max_bytes=index.bulk_bytes, in_flight=index.bulk_requests_in_flight, sleep=time.sleep
    )
    started = clock()
    done = sum(outcome.indexed for outcome in writer.write(writes))
    rate = done / (clock() - started)
    cluster.delete(f"/{plan.candidate}")
    return rate


def script(client: OpenSearch, cluster: Cluster, config: CorpusConfig, number: int) -> float:
    """Documents a second of what one would write by hand."""
    plan, store = planned(cluster, config, number), Store(config.store)
    started = time.perf_counter()
    actions = by_hand(store, plan)
    done: int = sum(good for good, _ in helpers.parallel_bulk(client, actions, THREADS, CHUNK, queue_size=THREADS))
    rate = done / (time.perf_counter() - started)
    cluster.delete(f"/{plan.candidate}")
    return rate


def by_hand(store: Store, plan: Plan) -> Iterator[dict[str, Any]]:
    files = [store.full(path) for path in vector_paths(store, plan.fingerprint)]
    vectors = {
        name: dict(zip(tokens, weights, strict=True))
        for name, tokens, weights in zip(*dataset(files).to_table().to_pydict().values(), strict=True)
    }
    source, field = plan.config.source, plan.config.index.vector_field
    for batch in dataset(source.uri).to_batches():
        for row in batch.to_pylist():
            vector = vectors[hash_text(source.text_template.format(**row))]
            yield {"_index": plan.write_alias, "_id": row[source.id_column], "_source": {**row, field: vector}}


def writing_with(config: CorpusConfig, max_bytes: int, in_flight: int) -> CorpusConfig:
    index = config.index.model_copy(update={"bulk_bytes": max_bytes, "bulk_requests_in_flight": in_flight})
    return config.model_copy(update={"index": index})


def profiled(cluster: Cluster, config: CorpusConfig) -> None:
    """Where the time of the index stage goes in this process; its other threads wait for the cluster."""
    with cProfile.Profile() as profile:
        index_stage(cluster, config, 0)
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)


def first_build(cluster: Cluster, folder: Path, count: int) -> CorpusConfig:
    """The vectors of all texts are in the store afterwards."""
    generate_corpus(CorpusRequest("tickets", count), folder / "corpus")
    config = config_of(folder, folder / "corpus")
    run(cluster, config, Store(config.store), request(-1))
    return config


def compare(server: LocalCluster, cluster: Cluster, config: CorpusConfig, rounds: int, command: str) -> Comparison:
    client = OpenSearch([{"host": server.host, "port": server.port}], timeout=120, serializer=Orjson())
    contenders: dict[str, Contender] = {
        "index stage": partial(index_stage, cluster, config),
        "script": partial(script, client, cluster, config),
        "bulk writer alone": partial(writer_alone, cluster, config),
    }
    for size, flying in OTHERS:
        other = writing_with(config, size, flying)
        contenders[f"index stage, {size / 1e6:g} MB x {flying}"] = partial(index_stage, cluster, other)
    return compared("rebuild", "Full build, vectors there", "docs/s", command, contenders, rounds)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--profile", action="store_true", help="print where the index stage spends its time instead")
    chosen = options.parse_args()
    command = f"PYTHONPATH=include python bench/rebuild.py --rows {chosen.rows} --rounds {chosen.rounds}"
    with own_server(command) as (server, cluster, folder):
        config = first_build(cluster, folder, chosen.rows)
        if chosen.profile:
            profiled(cluster, config)
            return
        found = compare(server, cluster, config, chosen.rounds, command)
    print(in_words(found), found.save(), sep="\n")


if __name__ == "__main__":
    main()
