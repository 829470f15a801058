"""From rows to the texts that are encoded. Works on whole columns: what most texts do not need, no text is asked for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

import numpy as np

from sparse_index.config.corpus import SourceConfig
from sparse_index.config.template import columns_of, pieces

# Control characters carry no meaning for a model and break some tokenizers; tab and line breaks stay. UTF-8 has no
# lone surrogates, but a text that comes from elsewhere may.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_FIRST = itemgetter(slice(1))
_TOGETHER = 256


def normalise(text: str) -> str:
    """NFC, control characters and lone surrogates as spaces: the same text however it was typed."""
    return _composed(text if text.isprintable() else _CONTROL.sub(" ", text))


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def render_texts(template: str, columns: Mapping[str, Sequence[Any]]) -> list[str]:
    """The whole text of each row, from the JSON values of the template's columns.

    A null renders as nothing. The text is empty where the columns hold nothing but white space: the template's own
    words do not make a text.
    """
    cells = {name: _cells(columns[name]) for name in columns_of(template)}
    parts = (cells[name] if name else repeat(words) for words, name in pieces(template))
    texts = list(map("".join, zip(*parts, strict=False)))
    for row in _blank(list(cells.values())):
        texts[row] = ""
    return _normalised(texts)


def cut_texts(source: SourceConfig, whole: Sequence[str]) -> list[str | None]:
    """What is encoded of rendered texts: each up to `max_text_chars`; None when that is blank."""
    most = source.max_text_chars
    if max(map(len, whole), default=0) <= most:
        return [text or None for text in whole]
    return [None if text.isspace() else text or None for text in (text[:most] for text in whole)]


def _cells(values: Sequence[Any]) -> Sequence[str]:
    return values if set(map(type, values)) <= {str} else [_cell(value) for value in values]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _blank(cells: Sequence[Sequence[str]]) -> Iterator[int]:
    """The rows without text. A letter or digit is neither white space nor a control character, however it is normalised: the
    first ones tell of most rows."""
    for column in cells:
        first = "".join(map(_FIRST, column))
        if len(first) == len(column) and first.isalnum():
            return
    for row, of_row in enumerate(zip(*cells, strict=True)):
        if not any(cell[:1].isalnum() for cell in of_row) and not normalise("".join(of_row)).strip():
            yield row


def _normalised(texts: list[str]) -> list[str]:
    """Each normalised. Whether there is a control character is asked once for some."""
    some = (texts[at : at + _TOGETHER] for at in range(0, len(texts), _TOGETHER))
    return [*chain.from_iterable(map(_alike_normalised, some))]


def _alike_normalised(texts: list[str]) -> list[str]:
    joined = "".join(texts)
    if _has_control(joined):
        return [normalise(text) for text in texts]
    return texts if joined.isascii() else [_composed(text) for text in texts]


def _has_control(text: str) -> bool:
    """Whether _CONTROL finds something, in a tenth of the time."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        return True
    codes = np.frombuffer(encoded, np.uint8)
    if 0x7F in encoded or codes[codes < 0x20].tobytes().strip(b"\t\n\r"):
        return True
    # U+0080 to U+009F are two bytes in UTF-8.
    after = codes[1:][codes[:-1] == 0xC2]
    return bool(((after < 0xA0) & (after != 0x85)).any())
