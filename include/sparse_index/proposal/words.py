"""How many words a text has, in any script, and how many of them English texts are full of."""

from __future__ import annotations

import re

# Scripts that put no space between words: Thai, Lao, Burmese, Khmer, kana, ideographs.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_CHARACTERS_A_WORD = 2
# Some 4 of 10 words of an English text, and hardly 1 of 10 in any other language.
_ENGLISH = frozenset(
    "a and are at by for from have in is it not of on that the this to was were with you".split()  # noqa: SIM905 - to be read
)


def words_in(text: str) -> float:
    """Pieces between spaces that have a letter; where a script has no spaces, every two characters count as one word. So an
    address on the web is one word, and a number none."""
    spaced, unspaced = _UNSPACED.subn(" ", text)
    return sum(any(map(str.isalpha, piece)) for piece in spaced.split()) + unspaced / _CHARACTERS_A_WORD


def english_in(text: str) -> int:
    """Words of the text that are the commonest ones of English."""
    return sum(word in _ENGLISH for word in text.lower().split())
