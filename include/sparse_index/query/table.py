"""Search results as text: BM25 and sparse side by side, with what matched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from sparse_index.query.search import Hit, SearchResults

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
    if any(hit.expansions for hit in results.sparse):
        yield "     +token: not a word of the document, the model added it"


def _title(hit: Hit | None) -> str:
    return "-" if hit is None else _cut(f"{hit.id} {hit.text}")


def _matched(hit: Hit | None) -> str:
    if hit is None or not hit.matched:
        return ""
    best: Sequence[tuple[str, float]] = sorted(hit.matched.items(), key=lambda item: -item[1])[:MOST_TOKENS]
    names = [
        f"{'+' if token in hit.expansions else ''}{token}{f' {weight:.2f}' if weight else ''}" for token, weight in best
    ]
    return _cut("  " + ", ".join(names))


def _cut(text: str) -> str:
    flat = " ".join(text.split(" ")).replace("\n", " ")
    return flat if len(flat) <= WIDTH else f"{flat[: WIDTH - 1]}…"
