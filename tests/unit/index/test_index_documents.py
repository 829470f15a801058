"""A document without a vector is a dead letter only when the model refused its text; else the build stops."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from kinds_of_vectors import SPARSE
from plan_help import add_vectors, config_at, planned, row, write
from sparse_index.builds.dead_letters import DeadLetter, write_letters
from sparse_index.builds.empty_vectors import empty_path, write_empty
from sparse_index.builds.folder import letters_path
from sparse_index.corpus.place import Place
from sparse_index.errors import BuildError
from sparse_index.index.documents import PartWrites
from sparse_index.store.files import Store
from sparse_index.timing import utc_now
from sparse_index.vectors.sparse import SparseVector


def test_a_vector_that_was_lost_stops_the_build(tmp_path: Path) -> None:
    config = config_at(tmp_path)
    write(tmp_path / "corpus", [row(1), row(2)])
    store, first = Store(config.store), planned(config)
    add_vectors(config, first)
    write(tmp_path / "corpus", [row(1, price=2), row(2)])
    plan = planned(config, live=first)
    assert (plan.counts.reused, plan.encode_parts) == (1, [])
    store.delete(f"vectors/{first.fingerprint}/{first.build_id}-p00000.parquet")
    with pytest.raises(BuildError, match=r"Document d1 of build .* no vector for its text .* Trigger a new run"):
        list(PartWrites(store, plan, plan.index_parts[0], utc_now))


def test_an_empty_vector_is_left_out_of_its_document_and_named(tmp_path: Path) -> None:
    config = config_at(tmp_path)
    write(tmp_path / "corpus", [row(1), row(2)])
    store, plan = Store(config.store), planned(config)
    hashes = store.read_table(plan.encode_parts[0].path).column("text_hash").to_pylist()
    table = SPARSE.table({hashes[0]: SparseVector((), ()), hashes[1]: SparseVector(("a",), (1.0,))})
    store.write_table(f"vectors/{plan.fingerprint}/{plan.build_id}-p00000.parquet", table)
    writes = PartWrites(store, plan, plan.index_parts[0], utc_now)
    documents = {write.id: orjson.loads(write.document or b"") for write in writes}
    assert ["text_sparse" in document for document in documents.values()] == [False, True]
    assert [(each.id, each.field) for each in writes.empty] == [(next(iter(documents)), "text_sparse")]
    assert write_empty(store, plan, plan.index_parts[0], writes.empty) == {"text_sparse": 1}
    assert [row["text_hash"] for row in store.read_table(empty_path(plan, plan.index_parts[0])).to_pylist()] == hashes[
        :1
    ]
    assert write_empty(store, plan, plan.index_parts[0], []) == {}
    assert store.files(f"{plan.folder}/empty") == [], "a repeated task leaves nothing of a dead attempt"


def test_a_text_the_model_refused_is_a_dead_letter_with_its_reason(tmp_path: Path) -> None:
    config = config_at(tmp_path)
    write(tmp_path / "corpus", [row(1)])
    store, plan = Store(config.store), planned(config)
    text_hash = store.read_table(plan.encode_parts[0].path).column("text_hash")[0].as_py()
    place = Place("corpus.parquet", "v1", 0, 0, text_hash)
    refusal = DeadLetter("d1", "encode", "predict_failed", "too odd", 3, plan.build_id, plan.created_at, place)
    write_letters(store, letters_path(plan, "encode", 0), [refusal])
    later = plan.created_at + timedelta(hours=1)
    writes = PartWrites(store, plan, plan.index_parts[0], lambda: later)
    assert list(writes) == []
    (letter,) = writes.rejected
    assert (letter.id, letter.reason, letter.attempt, letter.at) == ("d1", "too odd", 3, later)
