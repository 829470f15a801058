"""Time and peak memory of a plan over N rows: `python bench/plan_memory.py 100000 1000000 [--dead 10] [--fields 98]`.

For each N a child process plans three times over synthetic manifests: a first full build; a day on which 1 % of the
texts and 1 % of the other fields (`--fields`) changed, 1 % of the documents vanished and 1 % are new, the vectors of all others
being in the store, and with `--dead 10` ten times as many that no document has any more; and the same day in mode full,
which looks for the vector of every document. It prints seconds, seconds
of CPU, peak resident memory of the child (Linux: VmHWM), the most that it had spilled to disk, and the plan's numbers.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Thread

import duckdb

sys.path.insert(0, str(Path(__file__).parents[1] / "include"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from plan_help import config_at, live_cluster, plan_shards, row, write
from sparse_index.builds.plan import Plan
from sparse_index.builds.request import Mode, RunRequest
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.shards import Shard, ShardScan
from sparse_index.plan.changes import plan_changes
from sparse_index.store.files import Store
from sparse_index.store.manifests import PASSAGES

DEAD_FILE_ROWS = 1_000_000
_MANIFEST = """
COPY (SELECT 'doc-' || i AS id, 's3://bucket/corpus/part-' || lpad((i // 500000)::VARCHAR, 4, '0') || '.parquet' AS file,
        'version' AS file_version, ((i % 500000) // 50000)::INT AS row_group, (i % 50000)::INT AS row,
        md5('t' || i || CASE WHEN i % 100 = 1 THEN '{day}' ELSE '' END) AS text_hash,
        md5('r' || i || CASE WHEN i % 100 BETWEEN 1 AND 1 + {fields} THEN '{day}' ELSE '' END) AS row_hash,
        200::INT AS chars, NULL::DATE AS data_date, false AS deleted, NULL::VARCHAR AS problem,
        NULL::MAP(VARCHAR, INT) AS tokens, NULL::MAP(VARCHAR, INT) AS truncated, NULL::{passages} AS passages
      FROM range({first}, {last}) numbers(i)) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""


def scans(store: Store, rows: int, day: int, schema_path: str, fields: int) -> list[ShardScan]:
    """The manifest of day 1 holds documents 0..rows; that of day 2 leaves out the first 1 % and adds 1 %."""
    first = 0 if day == 1 else rows // 100
    path = f"things/manifests/day{day}.parquet"
    with store.writing(path) as local:
        duckdb.sql(
            _MANIFEST.format(day=day, fields=fields, passages=PASSAGES, first=first, last=first + rows, path=local)
        )
    shard = Shard(
        number=0,
        uri="s3://bucket/corpus",
        version="v",
        first_row_group=0,
        row_groups=1,
        rows=rows,
        schema_path=schema_path,
    )
    return [ShardScan(shard=shard, manifest=path, rows=rows)]


def add_vectors(store: Store, live: Plan, dead: int) -> None:
    for first in range(0, dead, DEAD_FILE_ROWS):
        with store.writing(f"vectors/{live.fingerprint}/20200101T000000-000000-p{first:010d}.parquet") as local:
            rows = f"range({first}, {min(first + DEAD_FILE_ROWS, dead)}) numbers(i)"
            duckdb.sql(
                f"COPY (SELECT md5('dead' || i) AS text_hash, ['a'] AS tokens, [1.0::FLOAT] AS weights FROM {rows}) "
                f"TO '{local}' (FORMAT parquet)"
            )
    with store.writing(f"vectors/{live.fingerprint}/{live.build_id}-p00000.parquet") as local:
        source = store.full(live.manifest)
        duckdb.sql(
            f"COPY (SELECT text_hash, ['a'] AS tokens, [1.0::FLOAT] AS weights FROM read_parquet('{source}')) "
            f"TO '{local}' (FORMAT parquet)"
        )


def planned(config: CorpusConfig, store: Store, live: Plan | None, found: list[ShardScan], day: int) -> Plan:
    started, cpu_started = time.monotonic(), time.process_time()
    plan = plan_changes(
        live_cluster(config, live),  # type: ignore[arg-type]
        config,
        store,
        found,
        RunRequest(
            run_id="bench",
            data_date=date(2026, 1, day),
            mode=Mode.FULL if day == 3 else Mode.AUTO,
            accept_mass_change=True,
        ),
        now=datetime(2026, 1, day, tzinfo=UTC),
        token=f"00000{day}",
    )
    counts = plan.counts
    print(
        f"  {plan.kind:<6}{time.monotonic() - started:8.1f} s, {time.process_time() - cpu_started:6.1f} s of CPU  "
        f"encode {counts.texts_to_encode:,}, write {sum(part.items for part in plan.index_parts):,}, "
        f"unchanged {counts.unchanged:,}",
        flush=True,
    )
    return plan


class Spill(Thread):
    """The most bytes that lay at once in the spill folders of the store at `root`."""

    def __init__(self, root: Path) -> None:
        super().__init__(daemon=True)
        self.peak, self._root = 0, root

    def run(self) -> None:
        while True:
            self.peak = max(self.peak, sum(map(_size, self._root.glob(".spill-*/*"))))
            time.sleep(0.1)


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def child(rows: int, folder: str, day: int) -> None:
    """Plan one day; the next child takes over from the plan in the store, so that each has a peak of its own."""
    config = config_at(Path(folder))
    store = Store(config.store)
    plans = store.files("things/builds", "plan.json")
    live = Plan.model_validate_json(store.read_bytes(plans[0])) if plans else None
    scan = ShardScan.model_validate(store.read_json(f"day{day}.json"))
    begun = {"live_index": None if live is None else live.candidate}
    found = [scan.model_copy(update={"shard": scan.shard.model_copy(update=begun)})]
    spill = Spill(Path(config.store))
    spill.start()
    plan = planned(config, store, live, found, day)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    print(
        f"         peak memory {int(peak) // 1024} MB, spilled {spill.peak / 1e6:,.0f} MB, build {plan.build_id}, {rows:,} rows",
        flush=True,
    )


def measure(rows: int, dead: int, fields: int, days: Sequence[int]) -> None:
    print(f"{rows:,} rows, {dead:,} dead vectors", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        config = config_at(Path(folder))
        # The planner looks at the files for their columns only: their rows are in the manifests.
        write(Path(config.source.uri), [row(1)])
        store, schema_path = Store(config.store), plan_shards(config)[0].schema_path
        for day in days:
            found = scans(store, rows, min(day, 2), schema_path, fields)
            store.write_json(f"day{day}.json", found[0].model_dump(mode="json"))
            subprocess.run([sys.executable, __file__, "--child", str(rows), folder, str(day)], check=True)
            if day == 1 and len(days) > 1:
                add_vectors(
                    store,
                    Plan.model_validate_json(store.read_bytes(store.files("things/builds", "plan.json")[0])),
                    dead,
                )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    else:
        words = argparse.ArgumentParser()
        words.add_argument("rows", type=int, nargs="*", default=[100_000, 1_000_000])
        words.add_argument("--dead", type=int, default=0, help="dead vectors for each row")
        words.add_argument(
            "--fields", type=int, default=1, help="of a hundred documents so many have other fields changed"
        )
        words.add_argument("--first-only", action="store_true", help="the first full build alone")
        options = words.parse_args()
        for size in options.rows:
            measure(size, options.dead * size, options.fields, (1,) if options.first_only else (1, 2, 3))
