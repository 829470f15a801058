"""What `recall@10` reads on every build of an approximate field: `PYTHONPATH=include python bench/exact.py --vectors 100000`.

Vectors of texts that nobody encoded, in a store on the local disk; scored for 50 queries as the gate does it, the ten best
documents kept. Prints vectors a second, and megabytes a second of the vectors files.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from plan_help import config_at
from sparse_index.config.corpus import CorpusConfig
from sparse_index.relevance.exact import BestTexts, FieldVectors
from sparse_index.store.files import Store
from sparse_index.vectors.kinds import vector_kind

FILE_VECTORS, QUERIES, TOP, TOKENS, VOCABULARY = 10_000, 50, 10, 75, 30_000


def corpus(folder: Path, kind: str, dimension: int) -> CorpusConfig:
    single = config_at(folder)
    field = {"kind": kind, "encoder": single.first_field.encoder} | (
        {"dimension": dimension} if kind == "dense" else {}
    )
    return CorpusConfig.model_validate(
        single.model_dump(exclude={"encoder", "index", "vectors"}) | {"vectors": {"v": field}}
    )


def output(chance: np.random.Generator, kind: str, dimension: int) -> object:
    """As a model says it."""
    if kind == "dense":
        return chance.normal(size=dimension).astype(np.float32)
    tokens = chance.choice(VOCABULARY, TOKENS, replace=False)
    return {f"token{token}": float(weight) for token, weight in zip(tokens, chance.random(TOKENS) + 0.01, strict=True)}


def read(kind_name: str, vectors: int, dimension: int) -> str:
    chance = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        config, store = corpus(Path(folder), kind_name, dimension), Store(folder)
        kind = vector_kind(config.vector_fields["v"])
        for first in range(0, vectors, FILE_VECTORS):
            names = [f"h{number:09}" for number in range(first, min(first + FILE_VECTORS, vectors))]
            made = {name: kind.vector(output(chance, kind_name, dimension)) for name in names}
            store.write_table(f"vectors/f1/{first:09}.parquet", kind.table(made))
        rows = [{"id": f"d{n}", "text_hash": f"h{n:09}", "deleted": False} for n in range(vectors)]
        store.write_table("manifest.parquet", pa.Table.from_pylist(rows))
        size_mb = sum(path.stat().st_size for path in Path(folder).glob("vectors/*/*")) / 1e6
        started = time.perf_counter()
        found = FieldVectors(store, config, "v", "f1", "manifest.parquet")
        queries = [output(chance, kind_name, dimension) for _ in range(QUERIES)]
        best = BestTexts(kind, queries, TOP * found.most_owners())
        for batch in found.each_once():
            best.add(batch)
        found.documents(best.texts(), TOP)
        took_s = time.perf_counter() - started
    return f"{kind_name}: {vectors / took_s:,.0f} vectors/s, {size_mb / took_s:,.0f} MB/s ({took_s:.1f} s)"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=384)
    arguments = parser.parse_args()
    for name in ("dense", "sparse"):
        print(read(name, arguments.vectors, arguments.dimension), flush=True)
