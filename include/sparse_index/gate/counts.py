"""As many documents as the books say. Pure."""

from __future__ import annotations

from sparse_index.builds.check import Check, Verdict

COUNTS = "counts"


def counts(documents: int, books: int | None, least: int, live: int | None) -> Check:
    """`documents` that are there; `books`: what reconcile closed with, None where it did not; `least`: limits.min_documents;
    `live`: what the live index's own books say."""
    words = (
        f"{documents:,} documents, the live index has {live:,}." if live is not None else f"{documents:,} documents."
    )
    if books is None:
        return Check(COUNTS, Verdict.FAIL, documents, None, f"{documents:,} documents, and its books were never closed")
    if documents != books:
        words = f"{documents:,} documents, its books say {books:,} (difference {documents - books:,}). Run again with mode full"
        return Check(COUNTS, Verdict.FAIL, documents, books, words)
    if documents < least:
        return Check(
            COUNTS, Verdict.FAIL, documents, least, f"{documents:,} documents, limits.min_documents is {least:,}"
        )
    return Check(COUNTS, Verdict.PASS, documents, books, words)
