"""Time and peak memory of every task that sees rows: `PYTHONPATH=include python bench/worker_memory.py 100000`.

For each N a corpus of N rows (about 1 KB each unless said otherwise, all texts different, row groups of 200,000 rows) is
planned in as few parts as there can be: the most that one worker can ever get. Child processes scan, plan, encode part after
part, encode again what is kept, and index one part, as the tasks of the DAG do; seconds of CPU and the peak resident memory
of each (Linux: VmHWM) are printed.
The cluster is a stand-in on the loopback address that answers every predict request with made-up vectors of
100 tokens and accepts every bulk item: the memory of the worker is measured, not the speed of a model or an index.
`--characters` and `--columns` give the corpus another shape; `--save` adds the figures to the table of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar
from urllib.parse import unquote

import duckdb
import orjson
import pyarrow.parquet as pq

from sparse_index.builds.plan import load_plan
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.scan import scan_shard
from sparse_index.encode.part import encode_part
from sparse_index.index.part import index_part
from sparse_index.pipeline import make_plan
from sparse_index.plan.shards import plan_shards
from sparse_index.store.files import Store
from task_costs import STEPS, Cost, Shape, add, cost_of

ROOT = Path(__file__).parents[1]
TOKENS = 100
VOCABULARY = 30_000
DIFFERENT_VECTORS = 500
ROW_GROUP_ROWS = 200_000
RESULTS = {"index": {"status": 201, "result": "created"}, "delete": {"status": 404, "result": "not_found"}}
HEALTH = {"number_of_data_nodes": 3, "active_shards": 5, "initializing_shards": 0, "unassigned_shards": 0}
_ROWS = """
    SELECT 'doc-' || i AS id, 'title ' || md5('t' || i) AS title,
        left(list_reduce([md5(i || '-' || n) FOR n IN range({words})], lambda a, b: a || ' ' || b), {characters}) AS body
        {columns}
    FROM range($first, $last) numbers(i)"""
WORD_CHARACTERS = 33


def write_corpus(path: Path, shape: Shape) -> None:
    columns = "".join(f", i + {number} AS number_{number}" for number in range(shape.columns))
    words = -(-shape.characters // WORD_CHARACTERS)
    query = _ROWS.format(words=words, characters=shape.characters, columns=columns)
    with ExitStack() as stack:
        writer = None
        for first in range(0, shape.rows, ROW_GROUP_ROWS):
            last = min(first + ROW_GROUP_ROWS, shape.rows)
            table = duckdb.sql(query, params={"first": first, "last": last}).to_arrow_table()  # type: ignore[union-attr]
            writer = writer or stack.enter_context(pq.ParquetWriter(path, table.schema, compression="zstd"))
            writer.write_table(table, row_group_size=ROW_GROUP_ROWS)


def made_up_vectors() -> list[bytes]:
    """JSON objects of token -> weight, as a model answers them."""
    chance = random.Random(1)
    tokens = [f"token{number}" for number in range(VOCABULARY)]
    return [
        orjson.dumps({token: round(chance.uniform(0.01, 3), 7) for token in chance.sample(tokens, TOKENS)})
        for _ in range(DIFFERENT_VECTORS)
    ]


class StandIn(BaseHTTPRequestHandler):
    """Knows no alias and every model; makes the index that is asked for, encodes anything and indexes anything."""

    protocol_version = "HTTP/1.1"
    vectors = made_up_vectors()
    known: ClassVar[dict[str, bytes]] = {"/_cluster/health/*": orjson.dumps(HEALTH)}

    def do_GET(self) -> None:
        status = 404 if self.path.endswith("/_alias") else 200
        missing = b'{"error":{"type":"alias_missing","reason":"none"},"status":404}'
        there = self.known.get(unquote(self.path.partition("?")[0]), b"{}")
        self._answer(missing if status == 404 else there, status)

    def do_PUT(self) -> None:
        path = unquote(self.path.partition("?")[0])
        self.known[path] = b'{"%b":%b}' % (path[1:].encode(), self._body())
        self._answer(b"{}")

    def do_DELETE(self) -> None:
        self.known.pop(unquote(self.path.partition("?")[0]), None)
        self._answer(b"{}")

    def do_POST(self) -> None:
        body = self._body()
        if "/_simulate_index/" in self.path:
            self._answer(b'{"template":{}}')
        else:
            self._answer(self._bulk(body) if "/_bulk" in self.path else self._predict(body))

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _predict(self, body: bytes) -> bytes:
        texts = orjson.loads(body)["text_docs"]
        vectors = (self.vectors[hash(text) % DIFFERENT_VECTORS] for text in texts)
        results = b",".join(b'{"output":[{"dataAsMap":{"response":[%b]}}]}' % vector for vector in vectors)
        return b'{"inference_results":[%b]}' % results

    def _bulk(self, body: bytes) -> bytes:
        heads = (orjson.loads(line) for line in body.split(b"\n") if line.startswith((b'{"index":', b'{"delete":')))
        items = b",".join(
            orjson.dumps({action: {"_id": named["_id"]} | RESULTS[action]})
            for head in heads
            for action, named in head.items()
        )
        return b'{"errors":false,"items":[%b]}' % items

    def _answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keeps the measurement's output readable."""


@contextmanager
def stand_in() -> Iterator[int]:
    """The port of a stand-in that answers within the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def config_for(folder: Path) -> CorpusConfig:
    model = ROOT / "include" / "demo" / "toy_models" / "sparse" / "model.zip"
    return CorpusConfig.model_validate(
        {
            "alias": "bench",
            "store": str(folder / "store"),
            "source": {
                "uri": str(folder / "corpus.parquet"),
                "id_column": "id",
                "text_template": "{title}. {body}",
                "max_shards": 1,
            },
            # Larger requests than a real model would get: the stand-in should not be what is waited for.
            "encoder": {
                "model": {"source": "file", "name": "toy-sparse", "version": "1.0.0", "path": str(model)},
                "docs_per_request": 64,
            },
        }
    )


def child(step: str, folder: Path, port: int) -> None:
    """Do the step; what is said of it goes to the error stream, seconds of CPU and megabytes to the parent."""
    config = config_for(folder)
    request = RunRequest(run_id="bench", data_date=date(2026, 1, 1))
    store, cluster = Store(config.store), Cluster.connect(ConnectionSettings("127.0.0.1", port, use_ssl=False))
    started, cpu_started, said = time.monotonic(), time.process_time(), ""
    if step == "scan":
        (shard,) = plan_shards(cluster, config, store, request)
        scan_shard(config, store, shard)
    elif step == "plan":
        make_plan(cluster, config, store, request)
    else:
        said = with_plan(step, store, cluster)
    seconds, cpu_seconds, peak = time.monotonic() - started, time.process_time() - cpu_started, peak_mb()
    print(f"  {step:<10}{seconds:8.1f} s, {cpu_seconds:7.1f} s of CPU   peak {peak} MB   {said}", file=sys.stderr)
    print(json.dumps([cpu_seconds, peak]))


def with_plan(step: str, store: Store, cluster: Cluster) -> str:
    plan = load_plan(store, store.files("bench/builds", "plan.json")[0])
    if step == "index":
        result = index_part(cluster, store, plan, plan.index_parts[0])
        return f"{result.indexed:,} documents, {result.bytes / 1e6:,.0f} MB sent"
    known = {plan.fingerprint: "made-up"}
    parts = [encode_part(cluster, store, plan, part, known, cores=2) for part in plan.encode_parts]
    encoded, reused = sum(part.encoded for part in parts), sum(part.encoded_before for part in parts)
    return f"{encoded:,} texts encoded, {reused:,} kept from before"


def peak_mb() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak) // 1024


def forget_report(folder: Path) -> None:
    """As if each task had been killed at its very end: the next attempt finds every vector there."""
    store = Store(config_for(folder).store)
    for path in store.files("bench/builds", ".json"):
        if Path(path).name.startswith("encode-"):
            store.delete(path)


def measure(shape: Shape, port: int) -> Iterator[Cost]:
    print(f"{shape.rows:,} rows, texts of {shape.characters:,} characters, {shape.columns} columns", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_corpus(folder / "corpus.parquet", shape)
        for step in ("scan", "plan", "encode", "resume", "index"):
            if step == "resume":
                forget_report(folder)
            command = [sys.executable, __file__, "--child", step, name, str(port)]
            cpu_seconds, peak = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            if step in STEPS:
                yield cost_of(shape, step, cpu_seconds, peak)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("rows", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    words.add_argument("--characters", type=int, default=924, help="of each text")
    words.add_argument("--columns", type=int, default=1, help="of whole numbers beside the texts")
    words.add_argument("--save", action="store_true", help="add the figures to bench/results/tasks.json")
    chosen = words.parse_args()
    with stand_in() as listening:
        for rows in chosen.rows:
            costs = list(measure(Shape(rows, chosen.characters, chosen.columns), listening))
            if chosen.save:
                add(costs)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
