"""Documents indexed per second, the vectors being there: this package's bulk writer against the client's helpers.

    PYTHONPATH=include python bench/bulk.py [--rows 20000] [--rounds 5] [--settings]

The same documents (an id, a title, a text, a vector of 75 token weights) go into an empty index of one shard without
replica or refresh. The helpers of opensearch-py run with the chunk and threads that were best for them here, with the
client's own serializer and with orjson; "raw bodies" are ready bytes, posted by as many threads: the limit of any client.
`--settings` compares the sizes of a body and the requests in flight of our writer among themselves instead.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import orjson
from opensearchpy import JSONSerializer, OpenSearch, helpers

from local_cluster import LocalCluster
from side_by_side import Clock, Comparison, Contender, compared, in_words, own_server
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import IndexConfig
from sparse_index.index.bulk import BulkWriter, Write

INDEX = "bulk"
MAPPING = {
    "dynamic": "strict",
    "properties": {
        "id": {"type": "keyword"},
        "title": {"type": "text"},
        "body": {"type": "text"},
        "text_sparse": {"type": "rank_features"},
    },
}
WORDS = [f"word{number}" for number in range(30_000)]
TOKENS = 75
CHUNK, THREADS = 250, 4

Row = dict[str, Any]


class Orjson(JSONSerializer):
    """What a user gets who puts the faster library in."""

    def dumps(self, data: Any) -> Any:
        return data if isinstance(data, str | bytes) else orjson.dumps(data).decode()


def rows(count: int) -> list[Row]:
    chance = random.Random(7)
    return [
        {
            "id": f"doc-{number}",
            "title": " ".join(chance.choices(WORDS, k=8)),
            "body": " ".join(chance.choices(WORDS, k=60)),
            "text_sparse": {word: round(chance.uniform(0.05, 3), 5) for word in chance.sample(WORDS, TOKENS)},
        }
        for number in range(count)
    ]


def ours(cluster: Cluster, given: list[Row], max_bytes: int, in_flight: int) -> int:
    writer = BulkWriter(cluster, INDEX, max_bytes=max_bytes, in_flight=in_flight, sleep=time.sleep)
    writes = (Write("index", row["id"], document=orjson.dumps(row)) for row in given)
    return sum(outcome.indexed for outcome in writer.write(writes))


def actions(given: list[Row]) -> Iterator[dict[str, Any]]:
    return ({"_index": f"{INDEX}-1", "_id": row["id"], "_source": row} for row in given)


def streamed(client: OpenSearch, given: list[Row]) -> int:
    return sum(good for good, _ in helpers.streaming_bulk(client, actions(given), chunk_size=CHUNK))


def in_parallel(client: OpenSearch, given: list[Row]) -> int:
    found = helpers.parallel_bulk(client, actions(given), THREADS, CHUNK, queue_size=THREADS)
    return sum(good for good, _ in found)


def raw_bodies(given: list[Row]) -> list[bytes]:
    lines = [b"%b\n%b\n" % (orjson.dumps({"index": {"_id": row["id"]}}), orjson.dumps(row)) for row in given]
    return [b"".join(lines[first : first + CHUNK]) for first in range(0, len(lines), CHUNK)]


def raw(cluster: Cluster, bodies: list[bytes]) -> int:
    """The answers are looked at for one word: whether there were errors."""
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda body: cluster.request("POST", f"/{INDEX}/_bulk", body), bodies))
    return sum(len(answer["items"]) for answer in answers if not answer["errors"])


def rate(cluster: Cluster, work: Callable[[], int], expected: int, clock: Clock, _: int) -> float:
    """Documents a second of `clock` into an index that was made anew; all of them are counted in it."""
    cluster.delete(f"/{INDEX}-1", ignore_unavailable="true")
    settings = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"}
    cluster.put(f"/{INDEX}-1", {"mappings": MAPPING, "settings": settings, "aliases": {INDEX: {}}})
    started = clock()
    done = work()
    seconds = clock() - started
    cluster.post(f"/{INDEX}-1/_refresh")
    if not done == expected == cluster.get(f"/{INDEX}-1/_count")["count"]:
        raise SystemExit(f"{done} of {expected} documents were indexed")
    return expected / seconds


def settings_of_ours(cluster: Cluster, given: list[Row]) -> dict[str, Contender]:
    """Today's default first."""
    default = IndexConfig()
    chosen = {(default.bulk_bytes, default.bulk_requests_in_flight): None}
    chosen |= {
        (size, flying): None for size in (250_000, 500_000, 1_000_000, 2_000_000, 5_000_000) for flying in (2, 4)
    }
    works = {f"{size / 1e6:g} MB x {flying}": partial(ours, cluster, given, size, flying) for size, flying in chosen}
    return {name: partial(rate, cluster, work, len(given), time.perf_counter) for name, work in works.items()}


def against_helpers(
    server: LocalCluster, cluster: Cluster, given: list[Row], clock: Clock = time.perf_counter
) -> dict[str, Contender]:
    host = [{"host": server.host, "port": server.port}]
    plain, fast = OpenSearch(host, timeout=120), OpenSearch(host, timeout=120, serializer=Orjson())
    default, bodies = IndexConfig(), raw_bodies(given)
    ours_now = partial(ours, cluster, given, default.bulk_bytes, default.bulk_requests_in_flight)
    works: Mapping[str, Callable[[], int]] = {
        "this package": ours_now,
        "raw bodies": partial(raw, cluster, bodies),
        "parallel_bulk": partial(in_parallel, plain, given),
        "parallel_bulk, orjson": partial(in_parallel, fast, given),
        "streaming_bulk": partial(streamed, plain, given),
        "streaming_bulk, orjson": partial(streamed, fast, given),
    }
    return {name: partial(rate, cluster, work, len(given), clock) for name, work in works.items()}


def compare(server: LocalCluster, cluster: Cluster, count: int, rounds: int, command: str) -> Comparison:
    contenders = against_helpers(server, cluster, rows(count))
    return compared("bulk", "Bulk, vectors there", "docs/s", command, contenders, rounds)


def compare_settings(cluster: Cluster, count: int, rounds: int, command: str) -> Comparison:
    title = "Bulk: size of a body x requests in flight"
    return compared("bulk_settings", title, "docs/s", command, settings_of_ours(cluster, rows(count)), rounds)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--settings", action="store_true")
    chosen = options.parse_args()
    command = f"PYTHONPATH=include python bench/bulk.py --rows {chosen.rows} --rounds {chosen.rounds}"
    with own_server(command) as (server, cluster, _):
        if chosen.settings:
            found = compare_settings(cluster, chosen.rows, chosen.rounds, f"{command} --settings")
        else:
            found = compare(server, cluster, chosen.rows, chosen.rounds, command)
    print(in_words(found), found.save(), sep="\n")


if __name__ == "__main__":
    main()
