"""What each column becomes in the index, and which are left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from sparse_index.config.corpus import IndexConfig
from sparse_index.config.field_names import name_problem
from sparse_index.corpus.arrow_types import is_text, plain_type
from sparse_index.corpus.fields import mapping_of
from sparse_index.errors import ConfigError
from sparse_index.proposal.choose_text import TEXT_WORDS
from sparse_index.proposal.look import Seen

_LONGEST_KEYWORD = 256
# Of the words, those that English texts are full of.
_ENGLISH_SHARE = 0.15
_VARIABLE = "${"
_DECLARED: tuple[tuple[Callable[[pa.DataType], bool], tuple[str, ...]], ...] = (
    (pa.types.is_struct, ("object", "flat_object")),
    (pa.types.is_map, ("flat_object",)),
    (pa.types.is_time, ("keyword",)),
    (pa.types.is_duration, ("long",)),
)


def field_of(seen: Seen, *, is_word: bool) -> tuple[Mapping[str, Any] | None, str]:
    """What to declare of a column's field (nothing: the generated one) and why; None where it is left out."""
    problem = _no_field(seen)
    if problem is not None or seen.kind is None:
        return None, f"left out: {problem}"
    if seen.is_partition and is_word:
        return (
            ({"type": "keyword"}, "keyword, named by folders and for filters")
            if is_text(seen.kind)
            else ({}, "named by folders")
        )
    if is_word and is_text(seen.kind) and 0 < seen.longest <= _LONGEST_KEYWORD and seen.words < TEXT_WORDS:
        return {"type": "keyword"}, "keyword, short and for filters"
    single = plain_type(seen.kind)
    for matches, types in _DECLARED:
        if matches(single):
            return _first_accepted(seen.kind, types)
    try:
        mapping_of(seen.kind)
    except ConfigError as error:
        return None, f"left out: {error.message}"
    return {}, ""


def english_field(seen: Seen) -> tuple[Mapping[str, Any], str]:
    """What to declare of a column of English text: the generated field, and full-text search by stems."""
    exact = {"keyword": {"type": "keyword", "ignore_above": _LONGEST_KEYWORD}}
    return {
        "type": "text",
        "analyzer": "english",
        "fields": exact,
    }, "English: full-text search finds other forms of a word, too"


def english_of(columns: Sequence[Seen]) -> set[str]:
    """Names of those that hold text, where their texts are English, taken together: a title alone has few of its words."""
    texts = [seen for seen in columns if seen.words and seen.kind is not None and is_text(seen.kind)]
    is_english = sum(seen.english for seen in texts) > _ENGLISH_SHARE * sum(seen.words for seen in texts)
    return {seen.name for seen in texts} if is_english else set()


def _first_accepted(kind: pa.DataType, types: Sequence[str]) -> tuple[Mapping[str, Any] | None, str]:
    problem = ""
    for name in types:
        try:
            mapping_of(kind, {"type": name})
        except ConfigError as error:
            problem = error.message
        else:
            return {"type": name}, f"{name}, which holds {kind}"
    return None, f"left out: {problem}"


def _no_field(seen: Seen) -> str | None:
    if seen.kind is None:
        return "its type is not the same in all files, and no type holds the values of all"
    if seen.name == IndexConfig().vector_field:
        return "the vector field of the index has that name"
    if _VARIABLE in seen.name:
        return "a corpus file takes '${' in its name for a variable"
    return name_problem(seen.name)
