"""What a store knows of documents, and what is left of it: rows, texts, messages, vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from build_plans import NOW
from kinds_of_vectors import SPARSE
from sparse_index.builds.dead_letters import SCHEMA, DeadLetter, read_letters, write_letters
from sparse_index.corpus.place import Place
from sparse_index.corpus.scan import MANIFEST_SCHEMA
from sparse_index.operations.messages import REMOVED, forget_messages
from sparse_index.operations.sightings import view_store
from sparse_index.operations.traces import Traces, traces_of
from sparse_index.store.files import Store
from sparse_index.vectors.compaction import Merge, compact, drop_sources
from sparse_index.vectors.sparse import SparseVector

FINGERPRINT = "0123456789abcdef"
BUILD = "things/builds/20250301T060000-000abc"
OTHERS = "others/builds/20250301T060000-000abc/manifest-final.parquet"
SOURCES = tuple(f"vectors/{FINGERPRINT}/20250301T060000-000abc-p0000{part}.parquet" for part in range(2))
MERGED = f"vectors/{FINGERPRINT}/20250301T060000-000abc-mabc.parquet"
TEXTS = {"a": "text-a", "b": "text-b", "c": "text-b", "d": "text-d", "e": None}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Five documents in one build; another corpus has the text of `d` as well."""
    store = Store(str(tmp_path / "store"))
    write_manifest(store, f"{BUILD}/manifest-final.parquet", TEXTS)
    write_manifest(store, "things/manifests/scan.parquet", TEXTS)
    write_manifest(store, OTHERS, {"a": "text-d"})
    texts = pa.table({"text_hash": ["text-a", "text-d"], "file": ["f", "f"], "row": [0, 3]})
    store.write_table(f"{BUILD}/parts/encode-00000.parquet", texts)
    return store


def write_manifest(store: Store, path: str, texts: dict[str, str | None], **more: Any) -> None:
    rows = [
        {"id": name, "text_hash": text, "row_hash": "r", "row": n, "deleted": False} | more
        for n, (name, text) in enumerate(texts.items())
    ]
    store.write_table(path, pa.Table.from_pylist(rows, schema=MANIFEST_SCHEMA))


def traced(store: Store, *ids: str) -> Any:
    return traces_of(store, view_store(store, NOW), "things", pa.array(ids, pa.string()))


def remove(traces: Traces) -> None:
    for path in traces.rows:
        traces.remove_rows(path)


def column(store: Store, path: str, name: str) -> list[Any]:
    values: list[Any] = store.read_table(path).column(name).to_pylist()
    return values


def test_rows_go_by_id_or_by_text_and_those_without_an_id_first(store: Store) -> None:
    with traced(store, "a", "nobody") as traces:
        assert list(traces.rows.items()) == [
            (f"{BUILD}/parts/encode-00000.parquet", 1),
            (f"{BUILD}/manifest-final.parquet", 1),
            ("things/manifests/scan.parquet", 1),
        ]
        assert traces.known == 1
        assert traces.remaining(f"{BUILD}/manifest-final.parquet") == 4
        remove(traces)
        assert traces.remaining(f"{BUILD}/manifest-final.parquet") == 4, "the same when it is asked again"
    assert column(store, f"{BUILD}/parts/encode-00000.parquet", "text_hash") == ["text-d"]
    assert sorted(column(store, f"{BUILD}/manifest-final.parquet", "id")) == ["b", "c", "d", "e"]
    assert store.read_table(f"{BUILD}/manifest-final.parquet").schema.types == list(MANIFEST_SCHEMA.types)
    assert not store.exists("things/manifests/scan.parquet"), "the next run reads its shard again"
    assert column(store, OTHERS, "id") == ["a"], "the other corpus's document is another one"
    with traced(store, "a") as traces:
        assert (traces.rows, traces.known) == ({}, 0)


def test_tombstones_are_rows_and_no_documents(store: Store) -> None:
    write_manifest(store, f"{BUILD}/manifest.parquet", {"x": "t", "y": "t"}, deleted=True)
    with traced(store, "x") as traces:
        assert traces.remaining(f"{BUILD}/manifest.parquet") == 0
        assert traces.rows[f"{BUILD}/manifest.parquet"] == 1


def test_dead_letters_lose_theirs_and_keep_the_others_as_they_are(store: Store) -> None:
    path = f"{BUILD}/dead_letters/encode-00000.parquet"

    def letter(name: str | None, text: str | None) -> DeadLetter:
        place = Place("f", "v", 0, 1, text)
        return DeadLetter(name, "encode", "predict_failed", "why", 1, "b", NOW, place, '{"id": "…"}')

    kept = [letter("b", "text-a"), letter(None, None), letter(None, "text-z")]
    write_letters(store, path, [letter("a", "text-a"), letter(None, "text-a"), *kept])
    with traced(store, "a") as traces:
        assert traces.rows[path] == 2, "a letter without an id is that of a text"
        remove(traces)
    assert sorted(read_letters(store, path), key=str) == sorted(kept, key=str)
    assert store.read_table(path).schema.types == list(SCHEMA.types)


def add_vectors(store: Store) -> Merge:
    for path, names in zip(SOURCES, (["text-a", "text-b"], ["text-d", "text-z"]), strict=True):
        store.write_table(path, SPARSE.table({name: SparseVector((name,), (1.0,)) for name in names}))
    return Merge(target=MERGED, sources=SOURCES)


def hashes_to_go(traces: Traces, *manifests: str) -> dict[str, set[str]]:
    return traces.vectors(FINGERPRINT, manifests)


def test_a_vector_goes_when_no_other_document_of_any_corpus_has_the_text(store: Store) -> None:
    add_vectors(store)
    own = f"{BUILD}/manifest-final.parquet"
    with traced(store, "a", "b", "d") as traces:
        assert hashes_to_go(traces, own, OTHERS) == {SOURCES[0]: {"text-a"}}, "c has b's text, another corpus d's"
        assert hashes_to_go(traces, own) == {SOURCES[0]: {"text-a"}, SOURCES[1]: {"text-d"}}
        assert hashes_to_go(traces) == {SOURCES[0]: {"text-a", "text-b"}, SOURCES[1]: {"text-d"}}
        assert traces.vectors("ffffffffffffffff", ()) == {}
        for path, hashes in hashes_to_go(traces, own).items():
            traces.remove_vectors(path, hashes)
    assert [column(store, path, "text_hash") for path in SOURCES] == [["text-b"], ["text-z"]]
    assert column(store, SOURCES[0], "tokens") == [["text-b"]]


def test_a_vector_of_a_passage_goes_with_its_documents(store: Store) -> None:
    def passages(*names: str) -> list[Any]:
        return [("text_sparse", [{"text_hash": name, "start": 0, "end": 1} for name in names])]

    def manifest_row(name: str, *hashes: str) -> dict[str, Any]:
        return {
            "id": name,
            "text_hash": f"whole {name}",
            "row_hash": "r",
            "deleted": False,
            "passages": passages(*hashes),
        }

    path = f"{BUILD}/manifest-final.parquet"
    rows = [manifest_row("a", "text-a", "text-b"), manifest_row("b", "text-b", "text-d")]
    store.write_table(path, pa.Table.from_pylist(rows, schema=MANIFEST_SCHEMA))
    add_vectors(store)
    with traced(store, "a") as traces:
        assert hashes_to_go(traces, path) == {SOURCES[0]: {"text-a"}}, "b has the other passage too"


def test_a_merged_file_comes_after_its_sources_so_that_a_killed_run_leaves_them_mergeable(store: Store) -> None:
    merge = add_vectors(store)
    compact(store, merge)
    with traced(store, "a") as traces:
        (first, hashes), (second, _) = hashes_to_go(traces).items()
        assert (first, second) == (SOURCES[0], MERGED)
        traces.remove_vectors(first, hashes)
    with traced(store, "a") as traces:
        ((path, hashes),) = hashes_to_go(traces).items()
        traces.remove_vectors(path, hashes)
    drop_sources(store, merge)
    assert [path for path in SOURCES if store.exists(path)] == []
    assert sorted(column(store, MERGED, "text_hash")) == ["text-b", "text-d", "text-z"]


def test_messages_that_speak_of_a_document_go_and_others_stay(store: Store) -> None:
    letters = f"{BUILD}/dead_letters/index-00000.parquet"
    refusal = "'price': 1e999 cannot be kept"
    write_letters(
        store,
        letters,
        [DeadLetter("7", "index", "value_not_kept", refusal, 1, "b", NOW, None)],
    )
    said = {"encode": "document 7 has another text", "gate": "17 of 77 documents", "plan": "d-7.x and x7"}
    checks = [{"name": "counts", "words": "77 documents"}, {"name": "stored vectors", "words": "7 has another vector"}]
    kept = {"checks": [checks[0], checks[1] | {"words": REMOVED}], "sampled": 7}
    gate = {"checks": checks, "sampled": 7}
    told = [{"reason": refusal, "letters": 1}, {"reason": "no date", "letters": 2}, {"reason": None, "letters": 3}]
    store.write_json(f"{BUILD}/receipt.json", {"summary": "s", "failures": said, "gate": gate, "letters": told})
    store.write_json(f"{BUILD}/reports/gate.json", gate)
    store.write_json(f"{BUILD}/plan.json", {"fingerprint": FINGERPRINT, "notes": [f"one of them: {refusal}", "2 rows"]})
    store.write_json(f"{BUILD}/redrive.json", {"remaining": ["7", "d-7", "77"], "tried": 7})
    store.write_json(f"{BUILD}/failures/encode/00001.json", {"part": 1, "error": "E", "message": "id 7, that is"})
    store.write_json(f"{BUILD}/failures/encode/00002.json", {"part": 2, "error": "E", "message": "id 8, that is"})
    for _ in range(2):
        with traced(store, "7") as traces:
            forget_messages(store, view_store(store, NOW), traces)
    assert store.read_json(f"{BUILD}/receipt.json")["failures"] == {
        "encode": REMOVED,
        "gate": said["gate"],
        "plan": REMOVED,
    }
    assert store.read_json(f"{BUILD}/receipt.json")["gate"] == kept
    assert store.read_json(f"{BUILD}/receipt.json")["letters"] == [{"reason": REMOVED, "letters": 1}, *told[1:]]
    assert store.read_json(f"{BUILD}/reports/gate.json") == kept
    assert store.read_json(f"{BUILD}/plan.json") == {"fingerprint": FINGERPRINT, "notes": ["2 rows"]}
    assert store.read_json(f"{BUILD}/redrive.json") == {"remaining": ["d-7", "77"], "tried": 7}
    assert store.files(f"{BUILD}/failures", ".json") == [f"{BUILD}/failures/encode/00002.json"]
