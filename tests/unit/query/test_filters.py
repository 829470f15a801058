"""Filters in words: what they ask, and which are refused because the cluster would answer them with silence."""

from __future__ import annotations

from typing import Any

import pytest

from sparse_index.cluster.client import Json
from sparse_index.errors import ConfigError
from sparse_index.query.filters import filter_queries

MAPPING: Json = {
    "properties": {
        "id": {"type": "keyword", "ignore_above": 512},
        "category": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}},
        "body": {"type": "text"},
        "secret": {"type": "keyword", "index": False},
        "order_value": {"type": "double"},
        "is_open": {"type": "boolean"},
        "seen": {"type": "date"},
        "size": {"properties": {"width": {"type": "long"}}},
        "parts": {"type": "nested", "properties": {"sku": {"type": "keyword"}}},
        "labels": {"type": "flat_object"},
        "text_sparse": {"type": "rank_features"},
    }
}


def query(words: str) -> Json:
    (found,) = filter_queries([words], MAPPING, ["text_sparse"])
    return found


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("category=delivery", {"term": {"category.keyword": "delivery"}}),
        ("category.keyword = late delivery ", {"term": {"category.keyword": "late delivery"}}),
        ("id=a=b", {"term": {"id": "a=b"}}),
        ("category!=delivery", {"bool": {"must_not": [{"term": {"category.keyword": "delivery"}}]}}),
        ("order_value>=400", {"range": {"order_value": {"gte": "400"}}}),
        ("order_value<4.5", {"range": {"order_value": {"lt": "4.5"}}}),
        ("seen<=2026-01-01", {"range": {"seen": {"lte": "2026-01-01"}}}),
        ("size.width>3", {"range": {"size.width": {"gt": "3"}}}),
        ("is_open=true", {"term": {"is_open": "true"}}),
        ("labels.a.b=x", {"term": {"labels.a.b": "x"}}),
    ],
)
def test_words_are_a_query_on_the_field_that_holds_whole_values(words: str, asked: dict[str, Any]) -> None:
    assert query(words) == asked


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("delivery", r"cannot be read: write it like category=delivery"),
        ("category=", r"cannot be read"),
        ("categroy=x", r"the index has no field 'categroy'\. There is category\."),
        ("category.raw=x", r"the index has no field 'category\.raw'"),
        ("body=x", r"'body' is full text, of which the index keeps no whole values\. Declare it"),
        ("secret=x", r"'secret' is not indexed \(index: false\)"),
        ("size=3", r"'size' is an object: name one of its fields"),
        ("parts.sku=a", r"'parts\.sku' is a list of objects, searched apart"),
        ("parts=a", r"'parts' is a list of objects"),
        ("order_value>=many", r"the field holds numbers \(double\), and 'many' is none"),
        ("order_value>nan", r"the field holds numbers \(double\), and 'nan' is none"),
        ("is_open=maybe", r"the field is true or false"),
        ("text_sparse=x", r"the index has no field 'text_sparse'"),
        (f"category={'x' * 257}", r"keeps whole values of at most 256 characters"),
    ],
)
def test_what_the_index_cannot_answer_is_refused(words: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        query(words)
