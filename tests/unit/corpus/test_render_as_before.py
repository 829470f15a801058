"""Rendering takes short cuts; the texts, and with them every hash in every store, are those of the long way."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from sparse_index.config.corpus import SourceConfig
from sparse_index.corpus.render import cut_texts, normalise, render_texts

# Control characters, white space, what composes with the character before it, what is white space in another form.
ODD = "\x00\x1f\x7f\x85\x9f \t\n\xa0\u2000\u2003\u3000\u0301\u0345\u1fef\u00c5\ufeff\u200bé"
CELLS = st.text(st.sampled_from(ODD) | st.sampled_from("a1é²Ⅷ ") | st.characters(), max_size=6) | st.none()


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
def test_texts_are_those_of_the_long_way(rows: list[tuple[str | None, str | None]]) -> None:
    title, body = ([row[at] for row in rows] for at in (0, 1))
    assert render_texts("{title}. {body}", {"title": title, "body": body}) == [the_long_way(*row) for row in rows]


@given(st.lists(CELLS, min_size=1, max_size=8))
def test_texts_are_cut_as_one_by_one(texts: list[str | None]) -> None:
    whole = render_texts("{body}", {"body": texts})
    source = SourceConfig(uri="/c", id_column="id", text_template="{body}", max_text_chars=3)
    assert cut_texts(source, whole) == [None if not text[:3].strip() else text[:3] for text in whole]


def the_long_way(title: str | None, body: str | None) -> str:
    cells = title or "", body or ""
    return normalise(f"{cells[0]}. {cells[1]}") if normalise("".join(cells)).strip() else ""


def test_no_letter_or_digit_becomes_white_space() -> None:
    kept = [each for each in map(chr, range(0x110000)) if each.isalnum()]
    assert all(unicodedata.normalize("NFC", each).strip() and normalise(each).strip() for each in kept)
