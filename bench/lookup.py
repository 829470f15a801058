"""What it takes to find the vectors of one index part by their hashes, over the vectors that the store has.

    PYTHONPATH=include python bench/lookup.py [--vectors 1000000 3000000] [--bucket 50000]

Each index part does this once, so a full build does it as often as it has parts. A part of 100,000 texts; vectors of two tokens,
100,000 a file, for only their hashes are read here.

`--bucket`: so many vectors of 150 tokens in a bucket of a stand-in for S3: requests and bytes, as s3fs reads by itself and with
`FSSPEC_S3_DEFAULT_CACHE_TYPE=none`. Its speed says nothing of a real one.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import fsspec
import numpy as np
import pyarrow as pa
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from sparse_index.index.join import wanted_vectors
from sparse_index.store.files import Store
from sparse_index.store.sql import connect, copy_to, parquet
from sparse_index.vectors.files import ROW_GROUP_ROWS

FINGERPRINT = "0123456789abcdef"
PART, A_FILE, TOKENS = 100_000, 100_000, 150
CACHES = ("readahead", "none")
_HASHES = "SELECT md5('text' || i) AS text_hash{more} FROM range({first}, {last}) texts(i)"


def fill(store: Store, vectors: int) -> list[str]:
    """Paths of the files; those that are there already stay."""
    paths = [f"vectors/{FINGERPRINT}/bench-p{number:05d}.parquet" for number in range(vectors // A_FILE)]
    more = ", [1, 2] AS tokens, [0.5::FLOAT, 0.25::FLOAT] AS weights"
    for number, path in enumerate(paths):
        if not store.exists(path):
            with connect(store) as con:
                hashes = _HASHES.format(more=more, first=number * A_FILE, last=(number + 1) * A_FILE)
                copy_to(con, store, f"{hashes} ORDER BY hash(i)", path, ROW_GROUP_ROWS)
    return paths


def part_of(store: Store, vectors: int) -> str:
    """SQL of the texts of a part, which lie all over the store."""
    step = max(1, vectors // PART)
    with connect(store) as con:
        copy_to(
            con, store, f"SELECT md5('text' || i * {step}) AS text_hash FROM range({PART}) texts(i)", "part.parquet"
        )
    return f"SELECT text_hash, file_row_number FROM {parquet(store, ['part.parquet'], 'file_row_number')}"


def on_disk(store: Store, vectors: int) -> str:
    files, texts = fill(store, vectors), part_of(store, vectors)
    started, cpu = time.perf_counter(), time.process_time()
    found = sum(len(each.rows) for each in wanted_vectors(store, files, texts, 2_000))
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    return f"{vectors:,} vectors: {found:,} found in {seconds:.2f} s, {cpu:.2f} s of the processor"


@contextmanager
def bucket() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
    try:
        S3FileSystem().mkdir("vectors-bench")
        yield "s3://vectors-bench/store"
    finally:
        server.stop()


class Reads(logging.Handler):
    """First and last byte of each part of a file that s3fs asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, int]] = []

    def emit(self, record: logging.LogRecord) -> None:
        asked = re.search(r"get_object.*bytes=(\d+)-(\d+)", record.getMessage())
        if asked:
            self.seen.append((int(asked[1]), int(asked[2])))


def in_a_bucket(vectors: int) -> Iterator[str]:
    reads, log = Reads(), logging.getLogger("s3fs")
    log.addHandler(reads)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with bucket() as address:
        store, path = Store(address), f"vectors/{FINGERPRINT}/bench.parquet"
        store.write_table(path, made_up(vectors), ROW_GROUP_ROWS)
        yield f"one file of {vectors:,} vectors, {store.filesystem.size(store.full(path)) / 1e6:.0f} MB:"
        log.setLevel(logging.DEBUG)
        for cache in CACHES:
            # What the variable sets, when a process begins.
            fsspec.config.conf["s3"] = {"default_cache_type": cache}
            store = Store(address)
            with connect(store) as con:
                reads.seen.clear()
                con.execute(f"SELECT count(DISTINCT text_hash) FROM {parquet(store, [path])}").fetchall()
            size = sum(last - first + 1 for first, last in reads.seen)
            yield f"  {cache}: {len(reads.seen)} requests, {size / 1e6:.1f} MB"


def made_up(vectors: int) -> pa.Table:
    chance = np.random.default_rng(1)
    ends = pa.array(np.arange(0, vectors * TOKENS + 1, TOKENS), pa.int32())
    tokens = chance.integers(0, 30_000, vectors * TOKENS, "int32")
    weights = chance.random(vectors * TOKENS, "float32")
    with duckdb.connect() as con:
        hashes = con.execute(_HASHES.format(more="", first=0, last=vectors)).fetchnumpy()["text_hash"]
    lists = {"tokens": tokens, "weights": weights}
    columns = {name: pa.ListArray.from_arrays(ends, pa.array(values)) for name, values in lists.items()}
    return pa.table({"text_hash": pa.array(hashes, pa.string()), **columns})


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--vectors", type=int, nargs="+", default=[1_000_000, 3_000_000])
    options.add_argument("--bucket", type=int, default=0)
    chosen = options.parse_args()
    if chosen.bucket:
        for line in in_a_bucket(chosen.bucket):
            print(line, flush=True)
        return
    with tempfile.TemporaryDirectory() as name:
        for vectors in chosen.vectors:
            print(on_disk(Store(name), vectors), flush=True)


if __name__ == "__main__":
    main()
