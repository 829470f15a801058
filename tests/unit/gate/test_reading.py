"""Vectors as the gate reads them from the store."""

from __future__ import annotations

from pathlib import Path

from kinds_of_vectors import SPARSE
from sparse_index.gate.reading import stored_vectors
from sparse_index.store.files import Store
from sparse_index.store.sql import connect

TEXTS = [f"h{number}" for number in range(5_000)]


def test_of_a_text_that_two_builds_encoded_the_vector_counts_that_an_index_takes(tmp_path: Path) -> None:
    """A model in the task's own process, or unlike nodes, give the same text numbers that differ in their last bits."""
    store = Store(str(tmp_path))
    for name, weight in {"20260101t020000-aaaaaa-p00000": 1.0, "20260102t020000-bbbbbb-p00000": 1.0000001}.items():
        vectors = {text_hash: (["word"], [weight]) for text_hash in TEXTS}
        store.write_table(f"vectors/f1/{name}.parquet", SPARSE.table(vectors), 100)
    with connect(store) as con:
        found = stored_vectors(con, store, "f1", SPARSE, TEXTS)
    assert {text_hash: each["weights"].as_py() for text_hash, each in found.items()} == {
        text_hash: [1.0] for text_hash in TEXTS
    }
