"""The record of an encoder: what stands beside its vectors for whoever finds them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinds_of_vectors import SPARSE
from sparse_index.config.vectors import DenseField, SparseField, VectorField
from sparse_index.index.encoder_record import ENCODER, record_encoder
from sparse_index.store.files import Store
from sparse_index.store.layout import encoder_path, tokenizer_path
from sparse_index.vectors.dense import dense_kind
from sparse_index.vectors.files import PartFiles
from sparse_index.vectors.kind import VectorKind
from sparse_index.vectors.sparse import SparseVector

MODEL = {"source": "url", "name": "m", "version": "1", "url": "http://h/m.zip?sign=secret", "sha256": "0" * 64}
TOKENIZER = '{"version": "1.0", "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1, "c": 2}, "unk_token": "a"}}'
WHOLE = {"source": "url", "name": "m", "version": "1"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def sparse() -> VectorField:
    return SparseField.model_validate({"kind": "sparse", "encoder": {"model": MODEL, "max_tokens": 64}})


def dense() -> VectorField:
    model = MODEL | {"model_config_body": {"embedding_dimension": 2}}
    return DenseField.model_validate({"kind": "dense", "dimension": 2, "encoder": {"model": model}})


def keep(store: Store, kind: VectorKind, part: int, *vectors: tuple[object, ...]) -> None:
    files = PartFiles(store, "f1", "20260101T000000-abcdef", part)
    files.write_chunk(kind.table({f"{part}-{number}": vector for number, vector in enumerate(vectors)}))
    files.merge(len(vectors))


def test_a_sparse_one_says_its_largest_weight_and_vocabulary_and_no_secret(store: Store) -> None:
    keep(store, SPARSE, 0, SparseVector(("a", "b"), (2.5, 1.0)), SparseVector((), ()))
    keep(store, SPARSE, 1, SparseVector(("c",), (0.5,)))
    store.write_bytes(tokenizer_path("f1"), TOKENIZER.encode())
    record = record_encoder(store, "f1", sparse())
    assert (record.kind, record.dimension, record.vocabulary, record.token_limit) == ("sparse", None, 3, 64)
    assert record.largest_weight == 2.5
    assert record.origin.items() >= WHOLE.items()
    assert "secret" not in store.read_bytes(encoder_path("f1")).decode()
    keep(store, SPARSE, 2, SparseVector(("c",), (7.5,)))
    assert record_encoder(store, "f1", sparse()).largest_weight == 7.5
    loaded = ENCODER.load(store, encoder_path("f1"))
    assert loaded.largest_weight == 7.5


def test_a_dense_one_says_its_dimension_and_the_largest_amount(store: Store) -> None:
    assert record_encoder(store, "f1", dense()).largest_weight is None
    kind = dense_kind(2, "l2")
    keep(store, kind, 0, ([0.25, -3.0],), ([0.0, 0.0],))
    record = record_encoder(store, "f1", dense())
    assert (record.dimension, record.vocabulary, record.largest_weight) == (2, None, 3.0)
