"""How a run ended, in words: the numbers of its books, not those of its plan, and what was rejected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sparse_index.builds.check import table
from sparse_index.builds.folder import letters_files
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import Books, books_report, gate_report
from sparse_index.pipeline import Run
from sparse_index.plan.in_words import plan_in_words
from sparse_index.store.files import Store
from sparse_index.store.layout import receipt_path

_LINES = (
    ("rows read", "rows_read"),
    ("unchanged", "unchanged"),
    ("encoded by this build", "encoded"),
    ("vectors reused", "reused"),
    ("blank text (indexed without vector)", "blank"),
    ("duplicate ids (first one wins)", "duplicate_ids"),
    ("superseded by a newer day", "superseded"),
    ("tombstones", "tombstones"),
    ("rejected (dead letters)", "dead_letters"),
    ("deleted from the index", "deleted"),
    ("documents in the index", "documents"),
)
_FEEDS_ONLY = {"superseded", "tombstones"}


def ending(store: Store, done: Run) -> str:
    """Several lines, the receipt's sentence last. A run that built nothing has no books: its plan is what happened."""
    plan, books = done.plan, books_report(store, done.plan)
    lines = [plan_in_words(plan)] if books is None else [_head(plan), *_numbers(plan, books), *_rejected(store, plan)]
    gated = gate_report(store, plan)
    lines += [f"  {line}" for line in table(gated.checks)] if gated else []
    return "\n".join(
        [*lines, f"  receipt: {store.full(receipt_path(plan.alias, plan.build_id))}", str(done.receipt["summary"])]
    )


def _head(plan: Plan) -> str:
    return (
        f"Build {plan.build_id} of '{plan.alias}': {plan.kind} ({'; '.join(plan.reasons)}), data date {plan.data_date}"
    )


def _numbers(plan: Plan, books: Books) -> Iterator[str]:
    for label, name in _LINES:
        if name not in _FEEDS_ONLY or plan.config.kind == "feed":
            yield f"  {label:<38}{getattr(books, name):>12,}"


def _rejected(store: Store, plan: Plan) -> Iterator[str]:
    """Why and where; a rejected text has a letter of its own beside those of its documents, which alone are counted."""
    files = letters_files(store, plan, ["scan", "index"])
    reasons: Counter[str] = Counter()
    for path in files:
        reasons.update(store.read_table(path, ["error_class"]).column("error_class").to_pylist())
    if reasons:
        listed = ", ".join(f"{name} {count:,}" for name, count in reasons.most_common())
        yield f"  rejected for: {listed}; each row with its reason: {store.full(f'{plan.folder}/dead_letters')}/*.parquet"
