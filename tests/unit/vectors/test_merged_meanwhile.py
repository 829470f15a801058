"""Another corpus with the same encoder merges its chunks between this one's listing of vectors and their reading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kinds_of_vectors import SPARSE
from plan_help import config_at, planned, row, write
from sparse_index.builds.plan import Plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.gate.reading import stored_vectors
from sparse_index.index.join import vectors_of
from sparse_index.store.files import Store, StoredFile
from sparse_index.store.sql import connect
from sparse_index.vectors.files import PartFiles
from sparse_index.vectors.sparse import SparseVector

Merge = Callable[[], None]


@pytest.fixture
def corpus(tmp_path: Path) -> CorpusConfig:
    write(tmp_path / "corpus", [row(1), row(2)])
    return config_at(tmp_path)


@pytest.fixture
def first(corpus: CorpusConfig) -> Plan:
    return planned(corpus)


@pytest.fixture
def hashes(corpus: CorpusConfig, first: Plan) -> list[str]:
    found: list[str] = Store(corpus.store).read_table(first.encode_parts[0].path).column("text_hash").to_pylist()
    return found


@pytest.fixture
def merged(corpus: CorpusConfig, first: Plan, hashes: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The neighbour's chunks are there; it merges them right after somebody has listed the vectors for the first time."""
    store = Store(corpus.store)
    neighbour = PartFiles(store, first.fingerprint, "neighbour", 0)
    for text_hash in hashes:
        neighbour.write_chunk(SPARSE.table({text_hash: SparseVector(("a",), (1.0,))}))
    listing, merges = Store.listing, list[str]()

    def listed(self: Store, folder: str = "") -> list[StoredFile]:
        found = listing(self, folder)
        if folder.startswith("vectors") and not merges:
            merges.append(folder)
            neighbour.merge(len(hashes))
        return found

    monkeypatch.setattr(Store, "listing", listed)
    return merges


def test_a_plan_knows_the_texts_all_the_same(corpus: CorpusConfig, merged: list[str]) -> None:
    plan = planned(corpus, token="fff")
    assert merged
    assert (plan.counts.reused, plan.encode_parts) == (2, [])


def test_documents_get_their_vectors_all_the_same(
    corpus: CorpusConfig, first: Plan, hashes: list[str], merged: list[str]
) -> None:
    found = vectors_of(Store(corpus.store), first, first.index_parts[0], "text_sparse")
    vectors = {text.text_hash: text.stored for texts in found for text in texts}
    assert merged
    assert vectors.keys() == set(hashes)
    assert all(vectors.values())


def test_the_gate_reads_them_all_the_same(
    corpus: CorpusConfig, first: Plan, hashes: list[str], merged: list[str]
) -> None:
    store = Store(corpus.store)
    with connect(store) as con:
        assert stored_vectors(con, store, first.fingerprint, SPARSE, hashes).keys() == set(hashes)
    assert merged


def test_a_torn_file_is_no_merged_one(corpus: CorpusConfig, first: Plan) -> None:
    Path(corpus.store, "vectors", first.fingerprint).mkdir(parents=True)
    Path(corpus.store, "vectors", first.fingerprint, "torn.parquet").write_bytes(b"PAR1")
    with pytest.raises(BuildError, match=r"torn\.parquet.*lies in `manifests` or `vectors`, delete it first"):
        planned(corpus, token="fff")
