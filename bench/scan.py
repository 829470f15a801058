"""Rows per second of one scan task: `PYTHONPATH=include:tests/support python bench/scan.py [--rows 200000]`.

Support tickets in one file on this machine's disk: every row is read, its text rendered, text and row hashed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from demo.generate import CorpusRequest, generate_corpus
from plan_help import plan_shards
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.scan import scan_shard
from sparse_index.store.files import Store

MODEL = {"source": "pretrained", "name": "none", "version": "1"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, default=200_000)
    rows = options.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        generate_corpus(CorpusRequest("tickets", rows), corpus)
        source = {"uri": str(corpus), "id_column": "id", "text_template": "{title}. {body}", "max_shards": 1}
        config = CorpusConfig.model_validate(
            {"alias": "scan", "store": f"{folder}/store", "source": source, "encoder": {"model": MODEL}}
        )
        began, processor = time.perf_counter(), time.process_time()
        (scan,) = (scan_shard(config, Store(config.store), shard) for shard in plan_shards(config))
        took, worked = time.perf_counter() - began, time.process_time() - processor
        print(f"{scan.rows:,} rows: {scan.rows / took:,.0f} rows/s ({took:.1f} s, {worked:.1f} s of processor time)")


if __name__ == "__main__":
    main()
