"""What the corpus file may own of the live index, and how what is attached to one index becomes another's."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from build_plans import corpus_config
from sparse_index.config.corpus import IndexConfig
from sparse_index.config.live_index import REFUSED, AliasConfig
from sparse_index.live.alias import AliasState
from sparse_index.live.attached import (
    SEARCH_PIPELINE,
    Shape,
    attached_of,
    fields_of,
    misfits,
    moved_aliases,
    serving_changes,
    with_pipeline,
)

SHAPE = Shape({"secret": "boolean", "price": "long", "title": "text", "title.raw": "keyword"}, 1)
SECRET = {"bool": {"must_not": {"term": {"secret": True}}}}


def test_settings_are_written_nested_or_flat_and_known_by_their_full_names() -> None:
    given = {"max_result_window": 50_000, "index.priority": 3, "search": {"idle": {"after": "1m"}}, "hidden": True}
    assert IndexConfig(settings=given).settings == {
        "index.max_result_window": "50000",
        "index.priority": "3",
        "index.search.idle.after": "1m",
        "index.hidden": "true",
    }


@pytest.mark.parametrize("pattern", sorted(REFUSED))
def test_settings_of_builds_and_server_are_refused_with_the_reason(pattern: str) -> None:
    with pytest.raises(ValidationError) as caught:
        IndexConfig(settings={pattern.replace("*", "x"): 1})
    assert REFUSED[pattern] in str(caught.value)


def test_only_what_needs_a_new_index_enters_the_document_hash() -> None:
    usual = corpus_config("things").document_hash()
    assert usual == "1a34639265f0a546"
    owned = {
        "alias": {"filter": SECRET, "routing": "a"},
        "settings": {"max_result_window": 5, "refresh_interval": "1s"},
    }
    assert corpus_config("things", index=owned).document_hash() == usual
    assert corpus_config("things", index={"settings": {"sort.field": "id"}}).document_hash() != usual


def test_routing_is_written_once() -> None:
    assert AliasConfig(routing="a").properties() == {"index_routing": "a", "search_routing": "a"}
    with pytest.raises(ValidationError, match="write it alone"):
        AliasConfig(routing="a", search_routing="b")


def test_dates_of_yaml_become_texts() -> None:
    config = AliasConfig(filter={"range": {"day": {"gte": date(2026, 1, 2)}}})
    assert config.filter == {"range": {"day": {"gte": "2026-01-02"}}}


def test_the_file_wins_over_the_alias_and_its_write_alias_stays() -> None:
    aliases: dict[str, dict[str, Any]] = {
        "a": {"filter": SECRET, "search_routing": "x"},
        "a--b1-w": {},
        "reports": {"is_write_index": False},
    }
    state = AliasState("a", ("a--b1",), aliases=aliases)
    assert moved_aliases(state, {}) == {
        "reports": {"is_write_index": False},
        "a": {"filter": SECRET, "search_routing": "x", "is_write_index": True},
    }
    assert moved_aliases(state, {"filter": {}, "search_routing": ""})["a"] == {"is_write_index": True}


@pytest.mark.parametrize(
    ("query", "to", "lost"),
    [
        (SECRET, {"secret": "boolean"}, None),
        (SECRET, {}, "secret"),
        (SECRET, {"secret": "keyword"}, "secret"),
        ({"range": {"price": {"gte": 1}}}, {"price": "double"}, None),
        ({"exists": {"field": "title.raw"}}, {"title": "text"}, "title.raw"),
        ({"query_string": {"query": "-secret:true"}}, {}, "secret"),
        ({"script": {"script": "doc['price'].value > 1"}}, {}, "price"),
        ({"bool": {"filter": [{"terms": {"price": [1]}}, {"match_all": {}}]}}, {"price": "long"}, None),
        ({"term": {"never_there": 1}}, {}, None),
    ],
)
def test_a_filter_must_go_on_meaning_the_same(query: dict[str, Any], to: dict[str, str], lost: str | None) -> None:
    now = {"a": {"filter": query}}
    problems = misfits(now, now, SHAPE, Shape(to, 1))
    assert len(problems) == (lost is not None)
    assert lost is None or f"names {lost}, which the new index does not have" in problems[0]


def test_a_new_filter_must_name_what_is_there() -> None:
    then = {
        "a": {"filter": {"bool": {"must": [{"term": {"secrt": {"value": 1, "boost": 2}}}, {"term": {"_id": "x"}}]}}}
    }
    assert "names secrt, which" in misfits({"a": {}}, then, SHAPE, SHAPE)[0]
    assert "names secrt, which" in misfits({}, then, None, SHAPE)[0]


def test_routing_is_refused_where_it_would_newly_hide_documents() -> None:
    now = {"a": {"search_routing": "x"}}
    assert "of the new index's 3 shards it would search a part" in misfits(now, now, SHAPE, Shape({}, 3))[0]
    assert misfits(now, now, Shape({}, 3), Shape({}, 3)) == []


def test_fields_of_objects_and_sub_fields() -> None:
    mapping = {
        "properties": {
            "o": {"properties": {"x": {"type": "keyword"}}},
            "t": {"type": "text", "fields": {"k": {"type": "keyword"}}},
        }
    }
    assert fields_of(mapping) == {"o": "object", "o.x": "keyword", "t": "text", "t.k": "keyword"}


def test_settings_go_along_and_those_that_are_gone_go() -> None:
    there = {"index.refresh_interval": "-1", "index.search.default_pipeline": "_none", "index.priority": "5"}
    live = {"index.max_result_window": "9", "index.gc_deletes": "1s"}
    ours = {"index.refresh_interval": None, "index.search.default_pipeline": None, "index.max_result_window": "9"}
    assert serving_changes(IndexConfig(), live, there, alike=False) == ours
    assert serving_changes(IndexConfig(), live, there, alike=True) == ours | {"index.priority": None}
    owned = IndexConfig(settings={"max_result_window": "7"})
    assert serving_changes(owned, live, {"index.max_result_window": "7"}, alike=True) == {}


def test_a_setting_that_was_put_to_null_has_its_default() -> None:
    null = {"index.max_result_window": None, "index.number_of_shards": None, "index.blocks.read_only": None}
    attached = attached_of({"settings": null})
    assert (attached.largest_page, attached.shape.shards, attached.read_only) == (10_000, 1, None)
    assert serving_changes(IndexConfig(), {}, attached.settings, alike=True) == {}


@pytest.mark.parametrize(
    ("live", "wanted", "then"),
    [
        (None, None, None),
        (None, "things--q111111111111", "things--q111111111111"),
        ("_none", "things--q111111111111", "things--q111111111111"),
        ("things--q000000000000", "things--q111111111111", "things--q111111111111"),
        ("things--q000000000000", None, None),
        ("others--q000000000000", "things--q111111111111", "others--q000000000000"),
        ("mine", "things--q111111111111", "mine"),
        ("mine", None, "mine"),
    ],
)
def test_a_pipeline_of_ours_gives_way_and_one_of_somebody_else_stays(
    live: str | None, wanted: str | None, then: str | None
) -> None:
    settings = {"index.priority": "5"} | ({} if live is None else {SEARCH_PIPELINE: live})
    found = with_pipeline(settings, "things", wanted)
    assert found.get(SEARCH_PIPELINE) == then
    assert found["index.priority"] == "5"
