"""The best documents by exact scores: of the vectors that a manifest needs, whichever files they lie in, and of documents with
several texts."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from kinds_of_vectors import SPARSE
from plan_help import config_at
from sparse_index.config.corpus import CorpusConfig
from sparse_index.relevance import exact
from sparse_index.relevance.exact import BestTexts, FieldVectors
from sparse_index.store.files import Store

WEIGHTS = {"h1": 1.0, "h2": 3.0, "h3": 2.0, "h4": 0.5}
MANIFEST = [
    {"id": "a", "text_hash": "h1", "deleted": False},
    {"id": "b", "text_hash": "h2", "deleted": False},
    {"id": "c", "text_hash": "h2", "deleted": False},
    {"id": "gone", "text_hash": "h3", "deleted": True},
    {"id": "blank", "text_hash": None, "deleted": False},
    {"id": "d", "text_hash": "h4", "deleted": False},
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """h2 stands in two files, as two builds encoded it, one a trifle otherwise: the first counts. "other" is of a text that the
    manifest has not."""
    store = Store(str(tmp_path))
    for name, hashes in {"one": ["h1", "h2"], "two": ["h2", "h3", "h4", "other"]}.items():
        vectors = {text_hash: (["word"], [WEIGHTS.get(text_hash, 9.0)]) for text_hash in hashes}
        if name == "two":
            vectors["h2"] = (["word"], [WEIGHTS["h2"] + 1.0])
        store.write_table(f"vectors/f1/{name}.parquet", SPARSE.table(vectors), 100)
    store.write_table("manifest.parquet", pa.Table.from_pylist(MANIFEST), 100)
    return store


def vectors(store: Store, folder: Path, fingerprint: str = "f1", manifest: str = "manifest.parquet") -> FieldVectors:
    return FieldVectors(store, config_at(folder), "text_sparse", fingerprint, manifest)


def best_texts(found: FieldVectors, *queries: dict[str, float]) -> BestTexts:
    best = BestTexts(SPARSE, queries, size=2 * found.most_owners())
    for batch in found.each_once():
        best.add(batch)
    return best


@pytest.mark.parametrize("rows_at_once", [1, 2, 1_000])
def test_the_best_documents_by_score_and_of_equal_ones_by_id(
    store: Store, tmp_path: Path, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact, "_ROWS_AT_ONCE", rows_at_once)
    found = vectors(store, tmp_path)
    best = best_texts(found, {"word": 2.0}, {"unknown": 1.0})
    assert (best.vectors, best.elements) == (3, 3)
    assert found.documents(best.texts(), 2) == [[("b", 6.0), ("c", 6.0)], []]
    assert found.documents(best.texts(), 3) == [[("b", 6.0), ("c", 6.0), ("a", 2.0)], []]


def of_passages(store: Store, folder: Path, texts: dict[str, list[str]]) -> FieldVectors:
    """Documents, and the hashes of the passages of each."""
    rows = [
        {"id": name, "text_hash": None, "deleted": False, "passages": [("v", [{"text_hash": one} for one in each])]}
        for name, each in texts.items()
    ]
    passages = pa.map_(pa.string(), pa.list_(pa.struct([("text_hash", pa.string())])))
    schema = pa.schema(
        [("id", pa.string()), ("text_hash", pa.string()), ("deleted", pa.bool_()), ("passages", passages)]
    )
    store.write_table("divided.parquet", pa.Table.from_pylist(rows, schema), 100)
    single = config_at(folder)
    field = {"kind": "sparse", "text": "{body}", "encoder": single.first_field.encoder}
    config = CorpusConfig.model_validate(
        single.model_dump(exclude={"encoder", "index", "vectors"}) | {"vectors": {"v": field}}
    )
    return FieldVectors(store, config, "v", "f1", "divided.parquet")


def test_a_document_is_as_good_as_the_best_of_its_texts(store: Store, tmp_path: Path) -> None:
    """The two best texts are one document's: one of them is kept, so that the second document is found too."""
    found = of_passages(store, tmp_path, {"a": ["h2", "h3"], "b": ["h1"], "c": ["h4"]})
    best = best_texts(found, {"word": 1.0})
    assert (found.most_owners(), best.vectors) == (1, 4)
    assert found.documents(best.texts(), 2) == [[("a", 3.0), ("b", 1.0)]]
    assert found.hashes_of({"a"}).keys() == {"a"}
    assert sorted(found.hashes_of({"a"})["a"]) == ["h2", "h3"]


def test_a_text_of_several_documents_counts_for_each(store: Store, tmp_path: Path) -> None:
    """Twice in one document it is there once; and it takes no place from what the document has alone."""
    found = of_passages(store, tmp_path, {"a": ["h2", "h2", "h3"], "b": ["h2", "h1"], "c": ["h4"]})
    best = best_texts(found, {"word": 1.0})
    assert found.most_owners() == 2
    assert found.documents(best.texts(), 3) == [[("a", 3.0), ("b", 3.0), ("c", 0.5)]]


@pytest.mark.parametrize("rows_at_once", [7, 100, 2_000])
def test_a_document_of_a_thousand_texts_takes_the_memory_of_one(
    store: Store, tmp_path: Path, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact, "_ROWS_AT_ONCE", rows_at_once)
    rising = {f"p{number:04}": (["word"], [10.0 + number]) for number in range(1_000)}
    store.write_table("vectors/f1/long.parquet", SPARSE.table(rising), 100)
    found = of_passages(store, tmp_path, {"long": [*rising, "h4"], "b": ["h1"], "c": ["h2"]})
    best = best_texts(found, {"word": 1.0}, {"unknown": 1.0})
    assert [len(texts) for texts in best.texts()] == [2, 0]
    assert found.documents(best.texts(), 2) == [[("long", pytest.approx(1_009, abs=4)), ("c", 3.0)], []]


def test_an_encoder_without_vectors_finds_nothing(store: Store, tmp_path: Path) -> None:
    found = vectors(store, tmp_path, "f2")
    assert list(found.each_once()) == []
    assert found.documents(best_texts(found, {"word": 1.0}).texts(), 5) == [[]]
