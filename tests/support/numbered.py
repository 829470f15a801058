"""Documents that are found by their number: made-up vectors, and a golden set that asks for each of them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from real_builds import MakeVector
from sparse_index.builds.plan import Plan
from sparse_index.relevance.golden import QUERIES, GoldenQuery, write_queries
from sparse_index.store.files import Store
from sparse_index.vectors.sparse import SparseVector


def write_golden(folder: Path, count: int) -> Path:
    """Asks for each of so many documents by its number; the first is a canary. Gives the folder."""
    canary = {0: ("d0",)}
    queries = [GoldenQuery(id=f"q{n}", text=f"number {n}", must=canary.get(n, ())) for n in range(count)]
    write_queries(folder / QUERIES, queries)
    judged = [{"query": f"q{n}", "id": f"d{n}", "grade": 1} for n in range(count)]
    pq.write_table(pa.Table.from_pylist(judged), folder / "judgements.parquet")
    return folder


def numbers(plan: Plan, loses: Collection[int] = ()) -> MakeVector:
    """Each document's vector is its number; of some it is none of theirs."""
    manifest = Store(plan.config.store).read_table(plan.manifest, ["id", "text_hash"]).to_pylist()
    found = {row["text_hash"]: int(row["id"][1:]) for row in manifest}

    def vector(text_hash: str) -> SparseVector:
        number = found[text_hash]
        return SparseVector(("lost" if number in loses else str(number),), (1.0,))

    return vector
