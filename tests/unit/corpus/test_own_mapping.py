"""`index.fields` and `index.analysis`: what may be said there, what becomes of it, and what it costs."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from build_plans import make_plan
from plan_help import SCHEMA, config_at
from sparse_index.config.fields import value_shape
from sparse_index.corpus.columns import require_usable
from sparse_index.corpus.fields import converter_of, mapping_of
from sparse_index.creation.mapping import index_body, index_mapping
from sparse_index.errors import ConfigError
from sparse_index.live.meta import meta_of

STRUCT = pa.struct([("size", pa.int64()), ("colour", pa.string())])
ENGLISH = {"type": "text", "analyzer": "english"}


def test_a_corpus_that_says_nothing_of_it_is_what_it_always_was(tmp_path: Path) -> None:
    """The hash of the last version: a full build of every corpus would be the price of another one."""
    config = config_at(tmp_path)
    assert config.document_hash() == "1a34639265f0a546"
    assert config_at(tmp_path, index={"fields": {}, "analysis": {}}).document_hash() == config.document_hash()


@pytest.mark.parametrize(
    "index", [{"fields": {"title": ENGLISH}}, {"analysis": {"analyzer": {"a": {"type": "simple"}}}}]
)
def test_setting_it_means_a_full_build(tmp_path: Path, index: dict[str, Any]) -> None:
    assert config_at(tmp_path, index=index).document_hash() != config_at(tmp_path).document_hash()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"title": {"analyzer": "english"}}, "say the type of the field"),
        ({"title": {"type": "object", "properties": ["a"]}}, "`properties` is a field for each name"),
        ({"title": {"type": "object", "properties": {"a": {}}}}, "a: say the type of the field"),
        ({"title": "keyword"}, "dictionary"),
        ({"price": {"type": "scaled_float"}}, "a scaled_float needs its factor"),
        ({"price": {"type": "scaled_float", "scaling_factor": "much"}}, "a scaled_float needs its factor"),
        ({"a.b": {"type": "keyword"}}, "has a dot"),
        ({"_id": {"type": "keyword"}}, "OpenSearch's own"),
        ({"text_sparse": {"type": "rank_features"}}, "the vector's field is not yours to declare"),
        ({"id": {"type": "text"}}, "declare the id column as keyword"),
    ],
)
def test_what_cannot_be_said_is_refused_with_the_file(tmp_path: Path, fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        config_at(tmp_path, index={"fields": fields})


def test_names_that_are_no_columns_are_named(tmp_path: Path) -> None:
    config = config_at(tmp_path, index={"fields": {"titel": ENGLISH, "price": {"type": "integer"}, "x": ENGLISH}})
    with pytest.raises(ConfigError, match=r"index\.fields names titel, x: no column of these names"):
        require_usable(config, SCHEMA)


def test_declared_fields_are_merged_over_the_generated_ones(tmp_path: Path) -> None:
    declared = {
        "title": ENGLISH | {"fields": {"exact": {"type": "keyword"}}},
        "id": {"type": "keyword", "doc_values": False},
    }
    mapping = index_mapping(config_at(tmp_path, index={"fields": declared}), SCHEMA)
    assert mapping["properties"] == {
        "id": {"type": "keyword", "ignore_above": 512, "doc_values": False},
        "title": declared["title"],
        "body": TEXT,
        "price": {"type": "long"},
        "text_sparse": {"type": "rank_features"},
    }


def test_analysis_becomes_a_setting_and_every_field_counts(tmp_path: Path) -> None:
    analysis = {"analyzer": {"mine": {"type": "simple"}}}
    many = pa.struct([(f"f{number}", pa.string()) for number in range(600)])
    config = config_at(tmp_path, index={"fields": {"wide": {"type": "object"}}, "analysis": analysis})
    mapping = index_mapping(config, SCHEMA.append(pa.field("wide", many)))
    settings = index_body(config, mapping, meta_of(make_plan(config)), "w")["settings"]
    assert settings["index.analysis"] == analysis
    assert settings["index.mapping.total_fields.limit"] > 2 * 1_200


TEXT = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
OWN = {"size": {"type": "short"}, "colour": {"type": "keyword"}}


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"type": "object"}, {"size": {"type": "long"}, "colour": TEXT}),
        ({"type": "nested", "properties": OWN}, OWN),
    ],
)
@pytest.mark.parametrize("kind", [STRUCT, pa.list_(STRUCT)])
def test_fields_within_an_object_are_declared_or_generated(
    kind: pa.DataType, declared: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert mapping_of(kind, declared) == declared | {"properties": expected}


def test_each_key_of_a_map_has_the_type_of_its_values(tmp_path: Path) -> None:
    fields = {"tags": {"type": "object"}, "more": {"type": "object", "properties": {"*": {"type": "keyword"}}}}
    schema = SCHEMA.append(pa.field("tags", pa.map_(pa.string(), pa.float64())))
    schema = schema.append(pa.field("more", pa.map_(pa.string(), pa.string())))
    mapping = index_mapping(config_at(tmp_path, index={"fields": fields}), schema)
    assert mapping["properties"]["tags"] == {"type": "object", "dynamic": "true"}
    assert mapping["dynamic_templates"] == [
        {"tags": {"path_match": "tags.*", "mapping": {"type": "double"}}},
        {"more": {"path_match": "more.*", "mapping": {"type": "keyword"}}},
    ]


@pytest.mark.parametrize(
    ("kind", "declared", "problem"),
    [
        (pa.string(), {"type": "integer"}, "makes it integer, which does not hold string"),
        (pa.string(), {"type": "double"}, "makes it double, which does not hold string"),
        (pa.float64(), {"type": "keyword"}, "makes it keyword, which does not hold double"),
        (pa.int64(), {"type": "boolean"}, "makes it boolean, which does not hold int64"),
        (pa.int64(), {"type": "date"}, "needs its `format`"),
        (pa.string(), {"type": "binary"}, "makes it binary, which does not hold string"),
        (pa.string(), {"type": "object"}, "takes structs"),
        (pa.map_(pa.string(), pa.string()), {"type": "nested"}, "flat_object for a map"),
        (pa.map_(pa.int64(), pa.string()), {"type": "object"}, "are no text"),
        (pa.map_(pa.string(), pa.string()), {"type": "object", "properties": {"a": ENGLISH}}, "declare it as"),
        (STRUCT, {"type": "object", "properties": {"width": {"type": "long"}}}, "'width' is no field of struct"),
        (pa.struct([("a.b", pa.int64())]), {"type": "object"}, "has a dot"),
        (pa.struct([("a", pa.int64()), ("a", pa.int64())]), {"type": "object"}, "two fields of one name"),
        (
            pa.struct([("t", pa.time64("ns"))]),
            {"type": "nested"},
            "in 't': the type .* does not become a field by itself",
        ),
    ],
)
def test_what_a_type_does_not_hold_is_refused_rather_than_bent(
    kind: pa.DataType, declared: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        mapping_of(kind, declared)


def test_a_type_of_the_cluster_s_own_takes_values_as_they_are() -> None:
    convert = converter_of(STRUCT, {"type": "integer_range"})
    assert convert(pa.array([{"size": 1, "colour": None}], STRUCT)).values == [{"size": 1, "colour": None}]


def test_only_types_decide_how_values_are_written() -> None:
    price: dict[str, Any] = {"type": "scaled_float", "scaling_factor": 100}
    assert value_shape({"price": price | {"index": False}}) == {"price": price}
    one: dict[str, Any] = {"a": ENGLISH, "o": {"type": "object", "properties": {"x": {"type": "long", "index": False}}}}
    assert value_shape(one) == {"a": {"type": "text"}, "o": {"type": "object", "properties": {"x": {"type": "long"}}}}


def test_a_key_that_comes_twice_is_named() -> None:
    convert = converter_of(pa.map_(pa.string(), pa.int64()), {"type": "flat_object"})
    found = convert(pa.array([None, [("a", 1), ("b", 2)], [("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int64())))
    assert found.values[:2] == [None, {"a": 1, "b": 2}]
    assert found.problems == {2: "a key that is there twice"}


@pytest.mark.parametrize("key", ["a.b", "", " "])
def test_a_key_that_can_be_no_field_is_named(key: str) -> None:
    kind = pa.map_(pa.string(), pa.int64())
    rows = pa.array([[("a", 1)], [(key, 2)]], kind)
    assert converter_of(kind, {"type": "object"})(rows).problems == {
        1: f"{key} as a key is no name of a field: flat_object takes any key"
    }
    assert converter_of(kind, {"type": "flat_object"})(rows).values == [{"a": 1}, {key: 2}]


def test_a_problem_within_lists_and_structs_belongs_to_its_row() -> None:
    kind = pa.list_(pa.struct([("x", pa.list_(pa.float64()))]))
    convert = converter_of(kind, {"type": "nested"})
    rows = [[], None, [{"x": [1.0]}], [{"x": None}, {"x": [float("nan"), float("inf")]}], [None]]
    for array in (pa.array(rows, kind), pa.array([[{"x": [float("inf")]}], *rows], kind).slice(1)):
        found = convert(array)
        assert found.problems == {3: "x: infinity"}
        assert found.missing == 1
        assert found.values[2:] == [[{"x": [1.0]}], [{"x": None}, {"x": [None, None]}], [None]]


@pytest.mark.parametrize(
    ("kind", "declared", "kept", "lost"),
    [
        (pa.int64(), {"type": "double"}, 2**53, 2**53 + 1),
        (pa.int64(), {"type": "half_float"}, -(2**11), 2**11 + 1),
        (pa.decimal128(38, 1), {"type": "float"}, Decimal("99999999.1"), Decimal(2**24 + 1)),
        (pa.float64(), {"type": "scaled_float", "scaling_factor": 100}, 9e16, 1e17),
        (pa.decimal128(38, 2), {"type": "scaled_float", "scaling_factor": 100}, Decimal("1.25"), Decimal(2**53)),
    ],
)
def test_a_declared_number_rounds_fractions_and_nothing_else(
    kind: pa.DataType, declared: dict[str, Any], kept: Any, lost: Any
) -> None:
    found = converter_of(pa.list_(kind), declared)(pa.array([[kept], None, [kept, lost]], pa.list_(kind)))
    assert found.problems.keys() == {2}
    assert f"is beyond what {declared['type']} keeps" in found.problems[2]


def test_fields_that_need_no_column_are_those_that_others_fill(tmp_path: Path) -> None:
    fields = {
        "title": {"type": "text", "copy_to": ["all"]},
        "all": {"type": "text"},
        "name": {"type": "alias", "path": "title"},
    }
    mapping = index_mapping(config_at(tmp_path, index={"fields": fields}), SCHEMA)
    assert {name: mapping["properties"][name] for name in fields} == fields
