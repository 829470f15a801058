"""A plan from a value alone: which kind of build, why, its parts and its notes; no cluster, no store, no corpus."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from build_plans import corpus_config
from observations import INDEX, SCHEMA, found, live_index, observed, planned_from
from sparse_index.builds.plan import BuildKind, Counts, FieldCounts
from sparse_index.config.vectors import SparseField
from sparse_index.creation.mapping import index_mapping
from sparse_index.creation.templates import FromTemplates
from sparse_index.errors import BuildError
from sparse_index.plan import parts
from sparse_index.plan.decide import inputs_of
from sparse_index.plan.difference import Changes
from sparse_index.plan.in_words import plan_in_words
from sparse_index.plan.parts import part_count
from sparse_index.plan.reasons import new_fields, reasons_for_full
from sparse_index.plan.takeover import plan_takeover

GIB = 2**30
CONFIG = corpus_config("things", source={"max_shards": 4})
FEED = corpus_config("things", kind="feed", source={"uri": "days/{data_date}", "columns": SCHEMA.names})
EMBEDDING = {"type": "knn_vector", "dimension": 384, "method": {"name": "hnsw", "parameters": {"m": 16}}}


def test_without_an_index_the_build_is_full() -> None:
    plan = planned_from(observed(CONFIG), found(5, new=5))
    assert (plan.kind, plan.reasons) == (BuildKind.FULL, ["alias 'things' has no index yet"])
    assert (plan.candidate, plan.live_index, plan.disk_bytes) == ("things--b20260102t030405-abcdef", None, None)
    assert plan.mapping is not None
    assert plan.mapping["properties"]["price"] == {"type": "long"}


def test_what_changed_is_a_clone_with_the_difference() -> None:
    seen = observed(CONFIG, live_index(CONFIG))
    plan = planned_from(seen, found(100, new=1, deleted=2))
    assert (plan.kind, plan.reasons, plan.live_index) == (BuildKind.DELTA, ["only what changed"], INDEX)
    assert [part.items for part in plan.index_parts] == [3]
    assert inputs_of(seen).full is False


def test_where_nothing_changed_nothing_is_built() -> None:
    plan = planned_from(observed(CONFIG, live_index(CONFIG)), found(100))
    assert (plan.kind, plan.encode_parts, plan.index_parts) == (BuildKind.NOTHING, [], [])


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ({"fingerprint": "other"}, "the encoder changed"),
        ({"document_hash": "other"}, "mapping, text template or shard count changed"),
        ({"state": "building"}, "the live index was never completed"),
        ({"delta_builds": 60}, "60 delta builds since the last full one"),
        (
            {"settings": {"index.version.created_string": "2.19.1"}},
            "the live index was made by OpenSearch 2.19.1, the cluster is 3.6.0",
        ),
    ],
)
def test_a_full_build_says_why(meta: dict[str, Any], reason: str) -> None:
    seen = observed(CONFIG, live_index(CONFIG, **meta))
    assert reasons_for_full(seen) == [reason]
    assert inputs_of(seen).full


@pytest.mark.parametrize(
    ("request_", "reason"),
    [({"mode": "full"}, "full mode was asked for"), ({"row_limit": 3}, "a row limit was asked for")],
)
def test_a_full_build_can_be_asked_for(request_: dict[str, Any], reason: str) -> None:
    assert reasons_for_full(observed(CONFIG, live_index(CONFIG), request=request_)) == [reason]


def test_a_build_whose_manifest_or_meta_is_gone_is_replaced() -> None:
    live = live_index(CONFIG)
    assert reasons_for_full(observed(CONFIG, replace(live, manifest=None))) == ["the live build's manifest is gone"]
    nobodys = replace(live, meta=None, manifest=None, plan=None, schema=None)
    assert reasons_for_full(observed(CONFIG, nobodys)) == [f"{INDEX} does not say what it was built from"]


def test_many_deltas_alone_do_not_rebuild_a_feed() -> None:
    assert reasons_for_full(observed(FEED, live_index(FEED, delta_builds=10_000))) == []


def test_a_new_column_and_a_wider_one_need_a_new_index() -> None:
    live = live_index(CONFIG)
    seen = observed(CONFIG, live, schema=SCHEMA.append(pa.field("colour", pa.string())))
    assert reasons_for_full(seen) == ["the live index has no such field: colour"]
    scored = live_index(CONFIG, schema=SCHEMA.append(pa.field("at", pa.date32())))
    seen = observed(CONFIG, scored, schema=SCHEMA.append(pa.field("at", pa.timestamp("us"))))
    assert reasons_for_full(seen) == ["'at' is date32[day] in the live index and becomes timestamp[us]"]


@pytest.mark.parametrize(
    ("wanted", "change"),
    [
        ({"type": "rank_features"}, "'v' (type knn_vector, now rank_features)"),
        (EMBEDDING | {"dimension": 768}, "'v' (dimension 384, now 768)"),
        (EMBEDDING | {"space_type": "cosinesimil"}, "'v' (space_type None, now cosinesimil)"),
        (
            EMBEDDING | {"method": {"name": "hnsw", "parameters": {"m": 32}}},
            "now {'name': 'hnsw', 'parameters': {'m': 32}}",
        ),
        (EMBEDDING, None),
    ],
)
def test_every_parameter_of_a_vector_field_is_compared(wanted: dict[str, Any], change: str | None) -> None:
    there = {"properties": {"v": EMBEDDING | {"data_type": "float"}}}
    reasons = new_fields(there, {"properties": {"v": wanted}}, declared=set())
    assert [change in reason for reason in reasons if change] == [True] * bool(change)
    assert bool(reasons) == bool(change)


def test_weights_above_the_ceiling_of_the_live_index_are_a_full_build_though_nothing_changed() -> None:
    model = {"source": "file", "name": "m", "version": "1", "path": "/m.zip"}
    field = {"kind": "sparse", "index": "sparse_vector", "encoder": {"model": model}}
    config = corpus_config("things", vectors={"v": field}, encoder=field["encoder"])
    there = index_mapping(config, SCHEMA)
    parameters = there["properties"]["v"]["method"]["parameters"]
    there["properties"]["v"] = {
        "type": "sparse_vector",
        "method": {"name": "seismic", "parameters": parameters | {"quantization_ceiling_ingest": 3.5}},
    }
    live = live_index(config, mapping=there)
    within = observed(config, live, largest_weights={"v": 3.5})
    assert planned_from(within, found(10)).kind is BuildKind.NOTHING
    plan = planned_from(observed(config, live, largest_weights={"v": 3.7}), found(10))
    assert plan.kind is BuildKind.FULL
    assert plan.reasons == [
        "v: weights go up to 3.7, and the live index counts all above 3.5 as that (quantization_ceiling_ingest)"
    ]


def test_parts_are_even_and_follow_from_the_numbers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ITEMS", 3)
    plan = planned_from(observed(CONFIG), found(10, new=10))
    assert [part.items for part in plan.encode_parts] == [2, 3, 2, 3]
    assert plan.index_parts[1].path == f"{plan.folder}/parts/index-00001.parquet"
    assert sum(part.items for part in plan.index_parts) == 10


def test_a_part_has_the_texts_of_all_vector_fields() -> None:
    field = SparseField(kind="sparse", encoder=CONFIG.encoder)
    index = CONFIG.index.model_copy(update={"vector_field": "a"})
    config = CONFIG.model_copy(update={"vectors": {"a": field, "b": field}, "index": index})
    changes = found(10, new=10)
    none, some = (FieldCounts(encoded=texts, reused=10 - texts, texts_to_encode=texts) for texts in (0, 7))
    counts = changes.counts.model_copy(update={"fields": {"a": none, "b": some}, "texts_to_encode": 7})
    plan = planned_from(observed(config), replace(changes, counts=counts))
    assert [(part.number, part.items) for part in plan.encode_parts] == [(0, 7)]
    assert list(plan.fields_to_encode.values()) == ["b"]


@pytest.mark.parametrize(
    ("items", "count"),
    [(0, 0), (1, 1), (2_000, 1), (2_001, 2), (400_000, 4), (400_001, 5), (100_000_000, 1_000)],
)
def test_parts_are_as_few_as_asked_for_and_never_too_large(items: int, count: int) -> None:
    assert part_count(CONFIG, items, "texts") == count


@pytest.mark.parametrize(
    ("texts", "writes", "what"), [(100_000_001, 7, "texts to encode"), (7, 100_000_001, "documents to write")]
)
def test_more_parts_than_airflow_maps_are_refused(texts: int, writes: int, what: str) -> None:
    changes = found(10, new=10)
    changes = replace(changes, counts=changes.counts.model_copy(update={"texts_to_encode": texts}), writes=writes)
    with pytest.raises(BuildError, match=rf"'things': 100000001 {what} are 1001 parts .* Nothing was changed; divide"):
        planned_from(observed(CONFIG), changes)


def test_a_day_of_a_feed_that_changes_only_dates_is_counted_all_the_same() -> None:
    changes = Changes(Counts(rows_read=1, tombstones=1, documents=9), writes=0, differs=True)
    plan = planned_from(observed(FEED, live_index(FEED)), changes)
    assert (plan.kind, [part.items for part in plan.index_parts]) == (BuildKind.DELTA, [0])


def test_plan_only_has_no_parts() -> None:
    plan = planned_from(observed(CONFIG, request={"mode": "plan_only"}), found(5, new=5))
    assert (plan.makes_candidate, plan.encode_parts, plan.index_parts) == (False, [], [])
    assert "only a plan was asked for" in plan_in_words(plan)


def test_a_row_limit_never_promotes() -> None:
    assert not planned_from(observed(CONFIG, request={"row_limit": 4}), found(4, new=4)).promotes


def test_days_that_were_passed_over_are_named() -> None:
    days = date(2026, 1, 1), date(2025, 12, 28)
    notes = [planned_from(observed(FEED, live_index(FEED, data_date=day)), found(9)).notes for day in days]
    words = (
        "the index has nothing of 2025-12-29 to 2026-01-01: if partitions of those days were not read, backfill them"
    )
    assert notes == [[], [words]]


def test_a_feed_never_goes_back() -> None:
    live = live_index(FEED, data_date=date(2026, 1, 7))
    plan = planned_from(observed(FEED, live), found(9, new=1))
    assert (plan.data_date, plan.request.data_date) == (date(2026, 1, 7), date(2026, 1, 2))


def test_large_shards_and_the_disk_are_reckoned() -> None:
    plan = planned_from(observed(CONFIG, live_index(CONFIG), live_bytes=60 * GIB), found(100, new=25))
    assert plan.notes == [
        "shards hold 64 GB each, more than is good: raise index.shards (the next build is then a full one)"
    ]
    config = corpus_config("things", index={"replicas": 1})
    plan = planned_from(observed(config, live_index(config), live_bytes=12 * GIB), found(125, new=25))
    assert plan.disk_bytes == 15 * GIB * 2


def test_what_the_file_owns_is_reason_enough_for_a_clone() -> None:
    config = corpus_config("things", index={"alias": {"filter": {"term": {"price": 1}}}})
    plan = planned_from(observed(config, live_index(config)), found(9))
    change = "filter of alias 'things' is none and becomes {'term': {'price': 1}}"
    assert (plan.kind, plan.reasons) == (BuildKind.DELTA, [change])
    assert f"the corpus file wins: {change}" in plan.notes


def test_what_goes_along_and_what_does_not_is_said() -> None:
    live = live_index(
        CONFIG,
        alias={"filter": {"term": {"title": "x"}}},
        settings={"index.search.default_pipeline": "gone", "index.max_result_window": "7", "index.sort.field": "price"},
    )
    templates = FromTemplates("a template", {"index.max_result_window": "7"})
    notes = plan_takeover(observed(CONFIG, live, templates=templates, pipeline_gone=True)).notes
    assert notes[0] == "with 'things' move its filter"
    assert notes[1] == "the search pipeline 'gone' of the live index does not exist: it is left out"
    assert (
        "does not take over these settings of the live one (a clone may still have them): index.sort.field=price."
        in notes[2]
    )
    assert len(notes) == 3
