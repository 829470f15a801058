"""Whether asking for fewer of a query's tokens pays: `PYTHONPATH=include python bench/query_weights.py --models .local/models`.

[--rows 1000000] documents in one rank_features field of one shard, their vectors mixed of two of the 2,000 that the demo's real
encoder made (half the tokens of each), and the demo's judged queries, encoded by the same model. Each query is asked in every
way in turn, three times after a first round that is not counted: all tokens at once; in two phases, as the cluster's own
processor does; and without the tokens below a share of the heaviest. A line each: p50, p95, tokens of a query, and the share of
the ten best by all tokens that are found.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from demo.judgements import load_queries, queries_path
from local_cluster import start
from search import AT_ONCE, ENCODED, built, config_of, mixed
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.query.encoding import NOTHING_GIVEN, encoded
from sparse_index.query.target import observe_target
from sparse_index.store.files import Store
from sparse_index.vectors.files import vector_paths

INDEX, FIELD = "weighed", "text_sparse"
DOCUMENTS_A_REQUEST = 1_000
TOP = 10
ROUNDS = 3


@dataclass(frozen=True)
class Way:
    """Tokens below `least` of the heaviest are left out. `two_phase`: the processor's parameters."""

    name: str
    least: float = 0.0
    two_phase: Mapping[str, float] | None = None

    def body(self, query: Mapping[str, float]) -> dict[str, Any]:
        tokens = self.tokens(query)
        body: dict[str, Any] = {"size": TOP, "_source": False, "track_total_hits": False}
        body["query"] = {"neural_sparse": {FIELD: {"query_tokens": tokens}}}
        if self.two_phase is not None:
            processor = {"neural_sparse_two_phase_processor": {"two_phase_parameter": dict(self.two_phase)}}
            body["search_pipeline"] = {"request_processors": [processor]}
        return body

    def tokens(self, query: Mapping[str, float]) -> dict[str, float]:
        floor = self.least * max(query.values())
        return {token: weight for token, weight in query.items() if weight >= floor}


WAYS = (
    Way("all tokens"),
    *(Way(f"without those below {least:g}", least) for least in (0.1, 0.2, 0.3)),
    *(
        Way(f"two phases, {ratio:g} and {rate:g}", two_phase={"prune_ratio": ratio, "expansion_rate": rate})
        for ratio, rate in ((0.2, 5.0), (0.4, 5.0), (0.4, 20.0))
    ),
)


def fill(cluster: Cluster, known: pa.Table, rows: int) -> None:
    """An index of so many documents, refreshed; its segments are as the writing left them."""
    mappings = {"_source": {"enabled": False}, "properties": {FIELD: {"type": "rank_features"}}}
    settings = {"number_of_replicas": 0, "refresh_interval": "-1"}
    cluster.put(f"/{INDEX}", {"settings": settings, "mappings": mappings})
    rng = random.Random(1)
    for first in range(0, rows, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, rows))
        vectors = iter(mixed(known, [str(number) for number in numbers], rng).to_pylist())
        while some := list(islice(vectors, DOCUMENTS_A_REQUEST)):
            cluster.request("POST", "/_bulk", b"".join(_lines(some)))
    cluster.post(f"/{INDEX}/_refresh")


def _lines(vectors: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    for vector in vectors:
        yield orjson.dumps({"index": {"_index": INDEX, "_id": vector["text_hash"]}}) + b"\n"
        yield orjson.dumps({FIELD: dict(zip(vector["tokens"], vector["weights"], strict=True))}) + b"\n"


def asked(cluster: Cluster, body: Mapping[str, Any]) -> tuple[float, list[str]]:
    """Milliseconds, and the ids found."""
    started = time.perf_counter()
    answer = cluster.post(f"/{INDEX}/_search", body, request_cache="false")
    took = (time.perf_counter() - started) * 1000
    return took, [hit["_id"] for hit in answer["hits"]["hits"]]


def lines(cluster: Cluster, queries: Sequence[Mapping[str, float]]) -> Iterator[str]:
    ask = partial(asked, cluster)
    best = [{way.name: set(ask(way.body(query))[1]) for way in WAYS} for query in queries]
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        for query in queries:
            for way in WAYS:
                taken[way.name].append(ask(way.body(query))[0])
    plain = WAYS[0].name
    for way in WAYS:
        fast, slow = np.percentile(taken[way.name], [50, 95])
        tokens = np.mean([len(way.tokens(query)) for query in queries])
        found = np.mean([len(each[way.name] & each[plain]) / max(len(each[plain]), 1) for each in best])
        yield f"| {way.name} | {fast:.1f} | {slow:.1f} | {tokens:.0f} | {found:.3f} |"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--models", type=Path, required=True)
    options.add_argument("--rows", type=int, default=1_000_000)
    asked_for = options.parse_args()
    os.environ["SPARSE_INDEX_MODELS"] = str(asked_for.models.absolute())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = start(folder / "server", "plain")
        connection = ConnectionSettings(server.host, server.port, use_ssl=False)
        try:
            with closing(Cluster.connect(connection, attempts=1)) as cluster:
                measure(cluster, folder, asked_for.rows)
        finally:
            server.stop(discard_data=True)


def measure(cluster: Cluster, folder: Path, rows: int) -> None:
    config = config_of(folder)
    built(cluster, config, folder, ENCODED)
    target, store = observe_target(cluster, config, None), Store(config.store)
    texts = [query.text for query in load_queries(queries_path("tickets"))]
    queries = [encoded(cluster, config, target, FIELD, text, NOTHING_GIVEN).output for text in texts]
    if target.meta is None:
        raise SystemExit(f"{target.name} was not built by this package.")
    fingerprint = target.meta.fingerprint_of(FIELD)
    known = pa.concat_tables(store.read_table(path) for path in vector_paths(store, fingerprint))
    started = time.monotonic()
    fill(cluster, known, rows)
    segments = cluster.get(f"/_cat/segments/{INDEX}", format="json")
    print(f"{rows:,} documents in {len(segments)} segments, written in {time.monotonic() - started:.0f} s")
    print("| asked | p50 ms | p95 ms | tokens | of the best ten |\n|---|--:|--:|--:|--:|")
    for line in lines(cluster, queries):
        print(line, flush=True)


if __name__ == "__main__":
    main()
