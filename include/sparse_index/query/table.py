"""Answers as text: two modes side by side, or one with what each side says of a hit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchConfig, SearchMode
from sparse_index.query.answer import Answer, Hit
from sparse_index.query.wish import default_mode

WIDTH = 62
MOST_TOKENS = 4


def shown(ask: Callable[..., Answer], config: CorpusConfig, mode: SearchMode | None, size: int | None) -> Iterator[str]:
    """The answer in `mode`, or in the corpus's own; where its file says nothing of searching, beside that of BM25. `ask`: takes
    mode and size (None: its own)."""
    answer = ask(mode=mode or default_mode(config), size=size)
    if mode is not None or config.search != SearchConfig():
        yield from in_lines(answer)
    else:
        yield from side_by_side(ask(mode=SearchMode.BM25, size=size), answer)


def side_by_side(left: Answer, right: Answer) -> Iterator[str]:
    """Lines of a table: rank by rank, the document on one line and what matched on the next."""
    yield from (f"  DEGRADED: {sentence}" for answer in (left, right) for sentence in answer.degraded)
    made_by = ", ".join(right.made_by.values()) or "nothing"
    yield f'  "{right.query}"   (query tokens by {made_by})'
    yield f"     {left.mode.upper():<{WIDTH}} {right.mode}"
    for rank, (one, other) in enumerate(zip_longest(left.hits, right.hits), start=1):
        yield f"  {rank}. {_title(one):<{WIDTH}} {_title(other)}"
        yield f"     {_matched(one):<{WIDTH}} {_matched(other)}"
    if not left.hits and not right.hits:
        yield "     nothing found"
    if any(hit.expansions for hit in right.hits):
        yield "     +token: not a word of the document, the model added it"


def in_lines(answer: Answer) -> Iterator[str]:
    """What did not answer first; then each hit with its score, and on the next line what every side says of it."""
    yield from (f"  DEGRADED: {sentence}" for sentence in answer.degraded)
    yield f'  "{answer.query}"   ({answer.mode} via {answer.via}, index {answer.index})'
    yield from (f"     {side}: query by {made_by}" for side, made_by in answer.made_by.items())
    for rank, hit in enumerate(answer.hits, start=1):
        yield f"  {rank}. {hit.score:.4f}  {_title(hit)}{_before(hit)}"
        yield from (f"       {line}" for line in _sides(hit))
    if not answer.hits:
        yield "     nothing found"
    if any(hit.expansions for hit in answer.hits):
        yield "     +token: not a word of the document, the model added it"
    yield from (f"     {sentence}" for sentence in answer.notes)
    times = answer.times
    yield f"     encode {_ms(times.encode_s)}, search {_ms(times.search_s)}, re-rank {_ms(times.rerank_s)}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _before(hit: Hit) -> str:
    return f"   (was {hit.rank_before})" if hit.rank_before is not None else ""


def _sides(hit: Hit) -> Iterator[str]:
    for side, found in hit.sides.items():
        place = f"#{found.rank}, " if found.rank is not None else ""
        tokens = _tokens(found.matched, hit.expansions)
        yield f"{side}: {place}{found.score:.4f}{f': {tokens}' if tokens else ''}"
    for side, passage in hit.passages.items():
        yield _cut(f"{side}, passage {passage.number} ({passage.start}-{passage.end}): {passage.text}")


def _title(hit: Hit | None) -> str:
    return "-" if hit is None else _cut(f"{hit.id} {hit.text}")


def _matched(hit: Hit | None) -> str:
    if hit is None or not hit.matched:
        return ""
    return _cut("  " + _tokens(hit.matched, hit.expansions))


def _tokens(matched: Mapping[str, float], expansions: set[str]) -> str:
    best: Sequence[tuple[str, float]] = sorted(matched.items(), key=lambda item: -item[1])[:MOST_TOKENS]
    return ", ".join(
        f"{'+' if token in expansions else ''}{token}{f' {weight:.2f}' if weight else ''}" for token, weight in best
    )


def _cut(text: str) -> str:
    flat = " ".join(text.split(" ")).replace("\n", " ")
    return flat if len(flat) <= WIDTH else f"{flat[: WIDTH - 1]}…"
