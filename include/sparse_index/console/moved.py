"""The golden queries that a build answers otherwise than what was live before it, as its gate saw them. No query is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sparse_index.console.build import SKIPPED, build_view
from sparse_index.console.content import ASKING
from sparse_index.console.fields import at, lines, number, text
from sparse_index.console.receipts import Found, Receipts, build_ids
from sparse_index.store.files import Store

# So many builds are looked at: those that change nothing have no gate.
BUILDS = 10


@dataclass(frozen=True)
class Moved:
    """`alike`: of the first ten hits of both, 0 to 1; `ndcg`: what nDCG@10 gained, None of a query that nobody judged. `filters`:
    those that the gate asked it with, None where a former version did not record them."""

    text: str
    alike: float
    ndcg: float | None
    filters: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Compared:
    """Of the newest build whose gate asked golden queries of two indices. `queries`: the least alike first."""

    build_id: str
    former: str
    candidate: str
    queries: Sequence[Moved]


def compared(store: Store, receipts: Receipts, alias: str) -> Compared | None:
    """None where no gate of the last builds has asked golden queries, or had nothing to compare with."""
    ids = build_ids(store, alias)[:BUILDS]
    found = zip(ids, receipts.of(store, alias, ids), strict=True)
    return next((one for build_id, each in found if (one := _compared(build_id, each))), None)


def _compared(build_id: str, found: Found) -> Compared | None:
    build, rows = build_view(build_id, found), at(found.content, "gate", "moved")
    was_asked = any(check.name in ASKING and check.verdict != SKIPPED for check in build.checks)
    if not was_asked or not isinstance(rows, list) or build.former is None or build.candidate is None:
        return None
    return Compared(build_id, build.former, build.candidate, tuple(_moved(rows)))


def _moved(rows: Sequence[Any]) -> Iterator[Moved]:
    for row in rows:
        asked, alike = text(row, "text"), number(row, "alike")
        if asked is not None and alike is not None:
            filters = lines(row, "filters") if at(row, "filters") is not None else None
            yield Moved(asked, alike, number(row, "ndcg"), filters)
