"""The record of an encoder: what stands beside its vectors for whoever finds them."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from kinds_of_vectors import SPARSE
from sparse_index.config.vectors import DenseField, SparseField, VectorField
from sparse_index.encode.encoder_record import ENCODER, largest_amount, record_encoder
from sparse_index.store.files import Store
from sparse_index.store.layout import encoder_path, tokenizer_path
from sparse_index.vectors.dense import dense_kind
from sparse_index.vectors.files import PartFiles, vector_paths
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


class Footers(Store):
    """Counts the footers that are read, and may lose a file that it has just listed."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.read: list[str] = []
        self.gone = ""

    def metadata(self, path: str) -> pq.FileMetaData:
        self.read.append(path.rpartition("-")[2])
        if self.gone and path.endswith(self.gone):
            raise FileNotFoundError(path)
        return super().metadata(path)


def test_each_file_is_read_once(tmp_path: Path) -> None:
    store = Footers(str(tmp_path))
    keep(store, SPARSE, 0, SparseVector(("a",), (2.5,)))
    keep(store, SPARSE, 1, SparseVector((), ()))
    record_encoder(store, "f1", sparse())
    keep(store, SPARSE, 2, SparseVector(("a",), (1.5,)))
    assert [record_encoder(store, "f1", sparse()).largest_weight, largest_amount(store, "f1")] == [2.5, 2.5]
    assert store.read == ["p00000.parquet", "p00001.parquet", "p00002.parquet"]


def test_a_file_that_changed_is_read_again_and_one_that_is_gone_counts_no_more(tmp_path: Path) -> None:
    store = Footers(str(tmp_path))
    for part, weight in enumerate((7.5, 2.5)):
        keep(store, SPARSE, part, SparseVector(("a",), (weight,)))
    assert record_encoder(store, "f1", sparse()).largest_weight == 7.5
    first, second = vector_paths(store, "f1")
    store.delete(first)
    assert record_encoder(store, "f1", sparse()).largest_weight == 2.5
    more = {f"1-{number}": SparseVector(("a", "b"), (9.5, 1.0)) for number in range(9)}
    store.write_table(second, SPARSE.table(more))
    assert record_encoder(store, "f1", sparse()).largest_weight == 9.5
    keep(store, SPARSE, 3, SparseVector(("a",), (11.5,)))
    store.gone = "p00003.parquet"
    assert record_encoder(store, "f1", sparse()).largest_weight == 9.5, "another build merged it a moment ago"


@pytest.mark.parametrize("kept", [b'{"kind": "spar', b"[]", b'{"form": 99}', b'{"kind": "sparse", "files": {"a": 1}}'])
def test_a_record_that_cannot_be_read_is_written_anew(store: Store, kept: bytes) -> None:
    keep(store, SPARSE, 0, SparseVector(("a",), (2.5,)))
    store.write_bytes(encoder_path("f1"), kept)
    assert largest_amount(store, "f1") == 2.5
    record_encoder(store, "f1", sparse())
    assert ENCODER.load(store, encoder_path("f1")).largest_weight == 2.5


def test_a_record_of_a_version_that_knew_no_files_is_read(store: Store) -> None:
    keep(store, SPARSE, 0, SparseVector(("a",), (2.5,)))
    former = record_encoder(store, "f1", sparse()).model_dump(mode="json", exclude={"files"})
    store.write_json(encoder_path("f1"), former | {"largest_weight": 1.0})
    assert largest_amount(store, "f1") == 2.5


def test_a_dense_one_says_its_dimension_and_the_largest_amount(store: Store) -> None:
    assert record_encoder(store, "f1", dense()).largest_weight is None
    kind = dense_kind(2, "l2")
    keep(store, kind, 0, ([0.25, -3.0],), ([0.0, 0.0],))
    record = record_encoder(store, "f1", dense())
    assert (record.dimension, record.vocabulary, record.largest_weight) == (2, None, 3.0)
