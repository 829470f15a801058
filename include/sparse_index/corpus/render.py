"""From a row to the text that is encoded, and the hashes that are its identity."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import orjson

from sparse_index.config.corpus import SourceConfig

_HASH_BYTES = 16
# Control characters carry no meaning for a model and break some tokenizers; tab and line breaks stay.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def normalise(text: str) -> str:
    """NFC, control characters as spaces: the same text however it was typed."""
    return unicodedata.normalize("NFC", _CONTROL.sub(" ", text))


def render(source: SourceConfig, row: Mapping[str, Any]) -> str:
    """The text of one row, whole; a null renders as nothing."""
    values = {name: "" if row[name] is None else str(row[name]) for name in source.text_columns}
    return normalise(source.text_template.format_map(values))


def is_blank(source: SourceConfig, row: Mapping[str, Any]) -> bool:
    """Whether the columns of the template hold nothing but white space (the template's own words do not count)."""
    return all(row[name] is None or not normalise(str(row[name])).strip() for name in source.text_columns)


def hash_text(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=_HASH_BYTES).hexdigest()


def hash_row(doc_id: str, text: str | None, fields: Mapping[str, Any]) -> str:
    """Over the id, the rendered text and every indexed field, exactly as they are indexed."""
    canonical = orjson.dumps([doc_id, text, fields], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(canonical, digest_size=_HASH_BYTES).hexdigest()
