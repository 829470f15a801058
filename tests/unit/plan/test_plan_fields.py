"""Two vector fields with an encoder each: a text is encoded for the field that lacks it, and the books are the documents'."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kinds_of_vectors import FOUR_NUMBERS, SPARSE
from plan_help import FakeCluster, config_at, live_cluster, part_rows, planned, row, write
from sparse_index.builds.plan import BuildKind, FieldCounts, Plan, load_plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.index.documents import PartWrites
from sparse_index.live.meta import Meta, meta_of
from sparse_index.plan.in_words import plan_in_words
from sparse_index.store.files import Store
from sparse_index.store.layout import plan_path
from sparse_index.timing import utc_now
from sparse_index.vectors import kinds

_VECTORS = pa.schema([("text_hash", pa.string()), *SPARSE.columns])
MODELS = {"one": "1" * 64, "two": "2" * 64}


@pytest.fixture
def config(tmp_path: Path) -> CorpusConfig:
    write(tmp_path / "corpus", [row(1), row(2), row(3, body="some words"), row(4, body=None)])
    return two_fields(tmp_path)


def two_fields(folder: Path, **second: Any) -> CorpusConfig:
    model = {"source": "model_id", "model_id": "one"}
    vectors = {
        "first": {"kind": "sparse", "encoder": {"model": model}},
        "second": {"kind": "sparse", "encoder": {"model": model | {"model_id": "two"}} | second},
    }
    single = config_at(folder).model_dump(exclude={"encoder", "index", "vectors"})
    return CorpusConfig.model_validate(
        single | {"vectors": vectors, "source": single["source"] | {"text_template": "{body}"}}
    )


def planned_on(config: CorpusConfig, live: Plan | None = None, models: dict[str, str] = MODELS) -> Plan:
    cluster: FakeCluster = live_cluster(config, live, models=models)
    return planned(config, live=live, cluster=cluster, token="abcdef00" if live is None else "abcdef01")


def encode(config: CorpusConfig, plan: Plan, field: str, token: str | None) -> None:
    """What the encode stage leaves in the store for this field; without a token they are empty vectors."""
    tokens, weights = ([token], [1.0]) if token else ([], [])
    hashes = [
        row["text_hash"]
        for part in plan.encode_parts
        for row in Store(config.store).read_table(part.path).to_pylist()
        if row["field"] == field
    ]
    table = pa.table(
        {"text_hash": hashes, "tokens": [tokens] * len(hashes), "weights": [weights] * len(hashes)}, schema=_VECTORS
    )
    Store(config.store).write_table(f"vectors/{plan.fingerprint_of(field)}/{plan.build_id}-p00000.parquet", table)


def test_every_text_is_encoded_once_a_field(config: CorpusConfig) -> None:
    plan = planned_on(config)
    assert [(part.number, part.items) for part in plan.encode_parts] == [(0, 2)]
    assert [row["field"] for row in part_rows(config, plan, "encode")] == ["first", "second"]
    assert plan.fingerprints.keys() == {"first", "second"}
    assert plan.fingerprint == plan.fingerprints["first"] != plan.fingerprints["second"]
    assert (plan.counts.encoded, plan.counts.reused, plan.counts.blank) == (3, 0, 1)
    assert plan.counts.fields["second"] == FieldCounts(encoded=3, reused=0, texts_to_encode=1, chars_to_encode=10)
    assert "second: 3 documents encoded, 0 reused, 1 texts to encode" in plan_in_words(plan)
    assert {name: field["type"] for name, field in (plan.mapping or {})["properties"].items()} == {
        "body": "text", "first": "rank_features", "id": "keyword", "price": "long", "second": "rank_features", "title": "text"
    }  # fmt: skip
    assert load_plan(Store(config.store), plan_path(plan.alias, plan.build_id)) == plan


def test_each_field_reuses_the_vectors_of_its_own_encoder(config: CorpusConfig) -> None:
    plan = planned_on(config)
    encode(config, plan, "first", "f")
    again = planned_on(config)
    assert list(again.fields_to_encode.values()) == ["second"]
    assert again.counts.fields["first"] == FieldCounts(encoded=0, reused=3, texts_to_encode=0)
    assert (again.counts.encoded, again.counts.reused) == (3, 0), (
        "a document is encoded when one of its vectors is made"
    )
    encode(config, again, "second", "s")
    documents = list(PartWrites(Store(config.store), again, again.index_parts[0], utc_now))
    assert documents[0].document.endswith(b'"first":{"f":1.0},"second":{"s":1.0}}')


def test_the_plan_counts_the_documents_whose_stored_vector_is_empty(config: CorpusConfig) -> None:
    plan = planned_on(config)
    assert plan.counts.empty == {}, "what is not encoded yet nobody knows"
    encode(config, plan, "first", "f")
    encode(config, plan, "second", None)
    again = planned_on(config)
    assert again.counts.empty == {"second": 3}
    assert "second: 3 documents go without a vector: that of their text is empty" in plan_in_words(again)
    assert load_plan(Store(config.store), plan_path(again.alias, again.build_id)) == again


def test_another_encoder_of_one_field_is_a_full_build_that_encodes_that_field_alone(
    config: CorpusConfig, tmp_path: Path
) -> None:
    first = planned_on(config)
    for field in first.fingerprints:
        encode(config, first, field, "t")
    assert planned_on(config, live=first).kind is BuildKind.NOTHING
    other = planned_on(two_fields(tmp_path, max_tokens=64), live=first)
    assert (other.kind, other.reasons) == (BuildKind.FULL, ["the encoder changed"])
    assert list(other.fields_to_encode.values()) == ["second"]
    assert part_rows(config, other, "encode")[0].keys() == {
        "field", "text_hash", "file", "file_version", "row_group", "row", "start", "end"
    }  # fmt: skip


def test_a_field_added_later_costs_its_own_encoding_and_one_that_is_dropped_costs_none(
    config: CorpusConfig, tmp_path: Path
) -> None:
    both = two_fields(tmp_path)
    alone = CorpusConfig.model_validate(
        both.model_dump(exclude={"encoder", "index"}) | {"vectors": {"first": both.model_dump()["vectors"]["first"]}}
    )
    first = planned_on(alone)
    encode(alone, first, "first", "f")
    added = planned_on(both, live=first)
    assert (added.kind, added.reasons) == (BuildKind.FULL, ["mapping, text template or shard count changed"])
    assert list(added.fields_to_encode.values()) == ["second"]
    encode(both, added, "second", "s")
    assert planned_on(both, live=added).kind is BuildKind.NOTHING
    dropped = planned_on(alone, live=added)
    assert (dropped.kind, dropped.encode_parts) == (BuildKind.FULL, [])


def test_the_plan_names_the_bytes_of_a_dense_field(config: CorpusConfig) -> None:
    model = {"source": "model_id", "model_id": "one"}
    vectors = {"numbers": {"kind": "dense", "dimension": 384, "encoder": {"model": model}}}
    dense = CorpusConfig.model_validate(config.model_dump(exclude={"encoder", "index"}) | {"vectors": vectors})
    said = plan_in_words(planned_on(dense))
    assert (
        "  numbers: some 1.6 KB a document, 6.4 KB a copy (2); nodes with that much free memory search quickly" in said
    )


def test_an_index_says_which_encoders_it_holds(config: CorpusConfig) -> None:
    plan = planned_on(config)
    meta = meta_of(plan)
    assert meta.encoders == set(plan.fingerprints.values())
    former = Meta.model_validate(meta.model_dump(exclude={"fingerprints"}))
    assert former.encoders == {plan.fingerprint}
    assert former.fingerprint_of("first") == plan.fingerprint


def test_a_vector_field_of_another_dimension_needs_a_new_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The type is the same: every document would be refused by the clone."""
    write(tmp_path / "corpus", [row(1)])
    config = config_at(tmp_path)
    monkeypatch.setattr(kinds, "KINDS", {"sparse": lambda field: FOUR_NUMBERS})
    first = planned(config)
    assert planned(config, live=first).kind is not BuildKind.FULL
    wider = replace(FOUR_NUMBERS, mapping=FOUR_NUMBERS.mapping | {"dimension": 8})
    monkeypatch.setattr(kinds, "KINDS", {"sparse": lambda field: wider})
    plan = planned(config, live=first, token="abcdef01")
    assert (plan.kind, plan.reasons) == (
        BuildKind.FULL,
        ["the live index has a field otherwise: 'text_sparse' (dimension 4, now 8)"],
    )
