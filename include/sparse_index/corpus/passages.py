"""A long text as passages: spans of it that a model reads whole, cut where sentences end. Pure.

Where a paragraph ends, so does a passage that is at least half full, and the next one begins anew: what is edited in one
paragraph leaves the passages of most others as they were. Within a paragraph a passage begins with the last sentences of the one
before it, so that an answer which spans both stands whole in one of them.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparse_index.config.vectors import Passages

_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
# A full stop ends a sentence where white space follows it, after quotes and brackets perhaps; one of Chinese or Japanese at once.
_SENTENCE = re.compile(r"(?:[.!?\u2026][\"'\u201d\u2019)\]]*\s+|[\u3002\uff01\uff1f][\u300d\u300f\uff09]*|\n\s*)")

Span = tuple[int, int]


@dataclass(frozen=True)
class Passage:
    """`number`: from 0, in the order of the text; `start`, `end`: characters of the text."""

    number: int
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class _Piece:
    """What is never cut: a sentence, or a word. Tokens `first` to before `last`."""

    first: int
    last: int
    ends_paragraph: bool


def passages_of(text: str, tokens: Sequence[Span], wanted: Passages) -> list[Passage]:
    """The passages of a text that has these `tokens` (where each begins and ends, in order); one at least, of all the text when
    there are none."""
    if not tokens:
        return [Passage(0, 0, len(text), text)]
    spans = (_stripped(text, tokens[first][0], tokens[last - 1][1]) for first, last in _ranges(text, tokens, wanted))
    return [Passage(number, start, end, text[start:end]) for number, (start, end) in enumerate(spans)]


def _stripped(text: str, start: int, end: int) -> Span:
    """Tokens of some vocabularies hold the white space before them."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))


def _ranges(text: str, tokens: Sequence[Span], wanted: Passages) -> Iterator[Span]:
    """First and last token (exclusive) of each passage."""
    pieces = _pieces(text, tokens, wanted)
    begin = 0
    while begin < len(pieces):
        end = _end(pieces, begin, wanted.tokens)
        yield pieces[begin].first, pieces[end - 1].last
        begin = (
            end if end == len(pieces) or pieces[end - 1].ends_paragraph else _next(pieces, begin, end, wanted.overlap)
        )


def _end(pieces: Sequence[_Piece], begin: int, most: int) -> int:
    """Where the passage that begins with piece `begin` ends (exclusive)."""
    first, end = pieces[begin].first, begin + 1
    while end < len(pieces) and pieces[end].last - first <= most:
        if pieces[end - 1].ends_paragraph and 2 * (pieces[end - 1].last - first) >= most:
            break
        end += 1
    return end


def _next(pieces: Sequence[_Piece], begin: int, end: int, overlap: int) -> int:
    """Where the next passage begins: as many of the last pieces come again as `overlap` tokens hold, but never all."""
    start = end
    while start - 1 > begin and pieces[end - 1].last - pieces[start - 1].first <= overlap:
        start -= 1
    return start


def _pieces(text: str, tokens: Sequence[Span], wanted: Passages) -> list[_Piece]:
    paragraphs = {match.end() for match in _PARAGRAPH.finditer(text)}
    sentences = {match.end() for match in _SENTENCE.finditer(text)} if wanted.boundary == "sentence" else set()
    starts, first = [start for start, _ in tokens], 0
    pieces: list[_Piece] = []
    for border in sorted(paragraphs | sentences | {len(text)}):
        last = len(tokens) if border == len(text) else bisect_left(starts, border)
        if last > first:
            ends = border in paragraphs or border == len(text)
            pieces += [_Piece(*piece, ends and piece[1] == last) for piece in _divided(tokens, first, last, wanted)]
            first = last
    return pieces


def _divided(tokens: Sequence[Span], first: int, last: int, wanted: Passages) -> Iterator[Span]:
    """A sentence as it is; one that is too long, and whatever has no sentences, word by word."""
    if wanted.boundary == "sentence" and last - first <= wanted.tokens:
        yield first, last
        return
    for token in range(first + 1, last):
        # Where no white space is, as in Chinese, a word would go on for ever.
        if tokens[token][0] > tokens[token - 1][1] or token - first == max(wanted.overlap, 1):
            yield first, token
            first = token
    yield first, last
