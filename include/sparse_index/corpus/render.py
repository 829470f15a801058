"""From rows to the texts that are encoded, and the hashes that are their identity. Works on whole columns."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from sparse_index.config.corpus import SourceConfig
from sparse_index.config.template import columns_of, pieces

_HASH_BYTES = 16
# Control characters carry no meaning for a model and break some tokenizers; tab and line breaks stay. UTF-8 has no
# lone surrogates, but a text that comes from elsewhere may.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


def normalise(text: str) -> str:
    """NFC, control characters and lone surrogates as spaces: the same text however it was typed."""
    if not text.isprintable():
        text = _CONTROL.sub(" ", text)
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def render_texts(template: str, columns: Mapping[str, Sequence[Any]]) -> list[str]:
    """The whole text of each row, from the JSON values of the template's columns.

    A null renders as nothing. The text is empty where the columns hold nothing but white space: the template's own
    words do not make a text.
    """
    pattern = _positional(template)
    rows = zip(*(_cells(columns[name]) for name in columns_of(template)), strict=True)
    texts = [pattern.format(*cells) if _has_text(cells) else "" for cells in rows]
    return [text if text.isascii() and text.isprintable() else normalise(text) for text in texts]


def cut_text(source: SourceConfig, whole: str) -> str | None:
    """What is encoded: the text up to `max_text_chars`; None when that is blank."""
    text = whole[: source.max_text_chars]
    return text if text and not text.isspace() else None


def _positional(template: str) -> str:
    """The template with numbers instead of names: `{1}. {0}`."""
    names, parts = columns_of(template), pieces(template)
    return "".join(f"{{{names.index(name)}}}" if name else _escaped(words) for words, name in parts)


def _escaped(words: str) -> str:
    return words.replace("{", "{{").replace("}", "}}")


def _cells(values: Sequence[Any]) -> list[str]:
    return [value if type(value) is str else _cell(value) for value in values]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _has_text(cells: Sequence[str]) -> bool:
    # A letter or digit is neither white space nor a control character, however it is normalised: the first one tells of most.
    return any(cell[:1].isalnum() for cell in cells) or bool(normalise("".join(cells)).strip())


def hash_text(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=_HASH_BYTES).hexdigest()


def hash_rows(ids: Sequence[str | None], texts: Sequence[str | None], fields: Mapping[str, Sequence[Any]]) -> list[str]:
    """For each row 32 hex digits over its id, its text and every field, names and values exactly as they are indexed."""
    names = sorted(fields)
    # The names go in once for all rows, as BLAKE2's personalisation.
    person = hashlib.blake2b(orjson.dumps(names), digest_size=_HASH_BYTES).digest()
    rows = zip(ids, texts, *(fields[name] for name in names), strict=True)
    return [hashlib.blake2b(orjson.dumps(row), digest_size=_HASH_BYTES, person=person).hexdigest() for row in rows]
