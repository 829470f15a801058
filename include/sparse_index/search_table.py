"""Search results as text: BM25 and sparse side by side, with what matched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from sparse_index.search import Hit, SearchResults

WIDTH = 62
MOST_TOKENS = 4


def side_by_side(results: SearchResults) -> Iterator[str]:
    """Lines of a table: rank by rank, the document on one line and what matched on the next."""
    yield f'  "{results.query}"   (query tokens by {results.tokens.made_by})'
    yield f"     {'BM25':<{WIDTH}} sparse"
    for rank, (bm25, sparse) in enumerate(zip_longest(results.bm25, results.sparse), start=1):
        yield f"  {rank}. {_title(bm25):<{WIDTH}} {_title(sparse)}"
        yield f"     {_matched(bm25):<{WIDTH}} {_matched(sparse)}"
    if not results.bm25 and not results.sparse:
        yield "     nothing found"


def _title(hit: Hit | None) -> str:
    if hit is None:
        return "-"
    texts = [value for name, value in hit.source.items() if isinstance(value, str) and name != "id"]
    return _cut(f"{hit.id} {max(texts, key=len, default='')}")


def _matched(hit: Hit | None) -> str:
    if hit is None or not hit.matched:
        return ""
    best: Sequence[tuple[str, float]] = sorted(hit.matched.items(), key=lambda item: -item[1])[:MOST_TOKENS]
    return _cut("  " + ", ".join(f"{token} {weight:.2f}" if weight else token for token, weight in best))


def _cut(text: str) -> str:
    flat = " ".join(text.split(" ")).replace("\n", " ")
    return flat if len(flat) <= WIDTH else f"{flat[: WIDTH - 1]}…"
