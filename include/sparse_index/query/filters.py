"""Filters in words, `category=delivery` or `order_value>=400`, checked against the mapping before they are sent.

A cluster answers a filter on a field that it does not know with no hits at all, and without a word.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Any

from sparse_index.cluster.client import Json
from sparse_index.errors import ConfigError

_WORDS = re.compile(r"\s*(?P<field>[^<>=!]+?)\s*(?P<sign>>=|<=|!=|=|>|<)\s*(?P<value>.*\S)\s*", re.DOTALL)
_BOUNDS = {">=": "gte", "<=": "lte", ">": "gt", "<": "lt"}
_NUMBERS = frozenset(
    ["byte", "short", "integer", "long", "unsigned_long", "half_float", "float", "double", "scaled_float"]
)
# Of which a filter by value would not mean what it says.
_NO_VALUES = {
    "object": "an object: name one of its fields",
    "nested": "a list of objects, searched apart from their document: a filter by words does not reach into it",
    "binary": "bytes, and not searchable",
}


def filter_queries(words: Sequence[str], mapping: Mapping[str, Any], vectors: Collection[str]) -> list[Json]:
    """A query for each; ConfigError for one that the index cannot answer. `vectors`: names of the vector fields."""
    values = {name: body for name, body in mapping.get("properties", {}).items() if name not in vectors}
    return [_query(each, {"properties": values}) for each in words]


def _query(words: str, mapping: Mapping[str, Any]) -> Json:
    match = _WORDS.fullmatch(words)
    if match is None:
        raise ConfigError(f"Filter '{words}' cannot be read: write it like category=delivery or order_value>=400.")
    sign, value = match["sign"], match["value"]
    field, body = _field(words, match["field"], mapping)
    _require_value(words, value, body)
    if sign in _BOUNDS:
        return {"range": {field: {_BOUNDS[sign]: value}}}
    equal: Json = {"term": {field: value}}
    return equal if sign == "=" else {"bool": {"must_not": [equal]}}


def _field(words: str, name: str, mapping: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The field that holds the values as they are, and its mapping; a text's keyword field."""
    path = list(_path(name, mapping))
    if path and _kind(path[-1][1]) == "flat_object" and path[-1][0] != name:
        return name, {"type": "keyword"}
    if not path or path[-1][0] != name:
        raise ConfigError(f"Filter '{words}': the index has no field '{name}'.{_near(name, mapping)}")
    refused = next((_NO_VALUES[kind] for _, body in path[:-1] if (kind := _kind(body)) == "nested"), None)
    body = path[-1][1]
    problem = refused or _NO_VALUES.get(_kind(body)) or _unindexed(body)
    if problem is not None:
        raise ConfigError(f"Filter '{words}': '{name}' is {problem}.")
    if _kind(body) != "text":
        return name, body
    exact = next((inner for inner, each in body.get("fields", {}).items() if _kind(each) == "keyword"), None)
    if exact is None:
        raise ConfigError(
            f"Filter '{words}': '{name}' is full text, of which the index keeps no whole values. Declare it in index.fields as a "
            "keyword, or with a keyword field in `fields`."
        )
    return f"{name}.{exact}", body["fields"][exact]


def _path(name: str, mapping: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each step from the top to the field, as far as there is one."""
    at: Mapping[str, Any] = mapping
    parts = name.split(".")
    for number, part in enumerate(parts, start=1):
        inner = {**at.get("properties", {}), **at.get("fields", {})}.get(part)
        if inner is None:
            return
        at = inner
        yield ".".join(parts[:number]), at


def _kind(body: Mapping[str, Any]) -> str:
    return str(body.get("type", "object"))


def _unindexed(body: Mapping[str, Any]) -> str | None:
    return "not indexed (index: false)" if body.get("index") is False else None


def _near(name: str, mapping: Mapping[str, Any]) -> str:
    known = sorted(mapping.get("properties", {}))
    near = get_close_matches(name, known, n=3) or known
    return f" There is {', '.join(near[:12])}." if near else ""


def _require_value(words: str, value: str, body: Mapping[str, Any]) -> None:
    if _kind(body) in _NUMBERS and not _is_number(value):
        raise ConfigError(f"Filter '{words}': the field holds numbers ({_kind(body)}), and '{value}' is none.")
    if _kind(body) == "boolean" and value not in ("true", "false"):
        raise ConfigError(f"Filter '{words}': the field is true or false.")
    longest = body.get("ignore_above")
    if longest is not None and len(value) > int(longest):
        raise ConfigError(f"Filter '{words}': the index keeps whole values of at most {longest} characters there.")


def _is_number(value: str) -> bool:
    try:
        return isfinite(float(value))
    except ValueError:
        return False
