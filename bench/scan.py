"""Scanning a corpus against reading all columns and hashing each row by hand: `python bench/scan.py --rows 100000`.

By hand: one BLAKE2 a row over its JSON, from batches of Arrow, kept nowhere. A scan also renders and hashes each text, keeps
every value exactly or says why not, and writes the manifest. `--words` makes texts longer, `--columns` adds whole numbers.
`--memory` prints the peak of a process that scans instead (Linux: VmHWM).
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1] / "include"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from plan_help import config_at, plan_shards
from side_by_side import Comparison, Contender, compared, in_words
from sparse_index.corpus.scan import scan_shard
from sparse_index.store.files import Store

TEXTS, GROUP_ROWS, BATCH_ROWS = 2_000, 50_000, 10_000


def write_corpus(folder: Path, rows: int, words: int, columns: int) -> None:
    """One file, row group by row group."""
    chance = random.Random(7)
    texts = [" ".join(f"word{chance.randrange(3_000)}" for _ in range(words)) for _ in range(TEXTS)]
    (folder / "corpus").mkdir()
    writer = None
    for first in range(0, rows, GROUP_ROWS):
        numbers = range(first, min(first + GROUP_ROWS, rows))
        table = pa.table(
            {
                "id": [f"doc-{number}" for number in numbers],
                "title": [f"title {number}" for number in numbers],
                "body": [f"{texts[number % TEXTS]} {number}" for number in numbers],
                "price": [number / 7 for number in numbers],
                **{f"number_{column}": [number + column for number in numbers] for column in range(columns)},
            }
        )
        writer = writer or pq.ParquetWriter(folder / "corpus" / "a.parquet", table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def scan(folder: Path) -> None:
    config = config_at(folder)
    shutil.rmtree(folder / "store" / config.alias / "manifests", ignore_errors=True)
    for shard in plan_shards(config):
        scan_shard(config, Store(config.store), shard)


def by_hand(folder: Path) -> None:
    for batch in pq.ParquetFile(folder / "corpus" / "a.parquet").iter_batches(batch_size=BATCH_ROWS):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            hashlib.blake2b(orjson.dumps(row), digest_size=16).hexdigest()


def rate(work: Callable[[Path], None], folder: Path, rows: int, _: int) -> float:
    """Of processor time: Arrow reads beside Python, and others may be at work."""
    started = time.process_time()
    work(folder)
    return rows / (time.process_time() - started)


def compare(folder: Path, rows: int, rounds: int, command: str) -> Comparison:
    works = {"this package": scan, "read and hash by hand": by_hand}
    contenders: dict[str, Contender] = {name: partial(rate, work, folder, rows) for name, work in works.items()}
    return compared("scan", "Scan", "rows/s of CPU", command, contenders, rounds)


def peak_mb(folder: Path) -> str:
    scan(folder)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return f"{int(status.partition('VmHWM:')[2].split()[0]) // 1024} MB"


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--rows", type=int, default=100_000)
    words.add_argument("--words", type=int, default=40, help="of each text")
    words.add_argument("--columns", type=int, default=1, help="of whole numbers beside the texts")
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--memory", action="store_true")
    words.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    chosen = words.parse_args()
    if chosen.child:
        print(peak_mb(chosen.child))
        return
    size = f"--rows {chosen.rows} --words {chosen.words} --columns {chosen.columns}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_corpus(folder, chosen.rows, chosen.words, chosen.columns)
        if chosen.memory:
            print(size, flush=True)
            subprocess.run([sys.executable, __file__, "--child", name], check=True)
            return
        command = f"python bench/scan.py {size} --rounds {chosen.rounds}"
        found = compare(folder, chosen.rows, chosen.rounds, command)
    print(in_words(found), found.save(), sep="\n")


if __name__ == "__main__":
    main()
