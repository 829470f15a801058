"""Closing the books: every row is accounted for and the candidate holds exactly what they say, or nothing goes live."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace

from sparse_index.books.content import require_same_content
from sparse_index.books.final_manifest import count_rejected, write_final_manifest
from sparse_index.builds.folder import letters_files
from sparse_index.builds.plan import Counts, Plan
from sparse_index.builds.reports import BOOKS, Books, IndexResult, books_path, index_report
from sparse_index.cluster.client import Cluster
from sparse_index.errors import BuildError
from sparse_index.live.meta import read_meta, write_meta
from sparse_index.live.reading import documents_in
from sparse_index.live.replicas import replicate
from sparse_index.live.switch import serve_like_live
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME, Timing

REPLICAS_DEADLINE_S = 3_600.0


def reconcile(cluster: Cluster, store: Store, plan: Plan, *, timing: Timing = REAL_TIME) -> Books:
    """Prove the candidate complete, write the final manifest, mark it complete and give it its replicas.

    `BuildError` naming the difference when a part is missing, the counts or the contents differ or too many rows were
    rejected.
    """
    results = _all_results(store, plan)
    _require_items_accounted(plan, results)
    letters = letters_files(store, plan, ["index"])  # once: two listings may differ, and both uses rest on the same one
    rejected = count_rejected(store, plan, letters)
    books = _books(plan, rejected, results)
    _require_closed(books)
    _require_few_dead_letters(plan, books)
    _require_count(cluster, plan, books)
    write_final_manifest(store, plan, letters)
    require_same_content(cluster, store, plan, timing.now)
    serve_like_live(cluster, plan)
    index, wanted = plan.candidate, plan.config.index
    health = replicate(cluster, index, wanted, deadline_s=REPLICAS_DEADLINE_S, timing=timing)
    _mark_complete(cluster, plan, books.documents)
    books = replace(books, health=health)
    BOOKS.save(store, books_path(plan), books)
    return books


def _all_results(store: Store, plan: Plan) -> list[IndexResult]:
    results = {part.number: index_report(store, plan, part) for part in plan.index_parts}
    missing = [str(number) for number, result in results.items() if result is None]
    if missing:
        raise BuildError(
            f"Build {plan.build_id}: index parts {', '.join(missing)} of {len(results)} have no report, so they did not "
            "end. Clear those tasks, or trigger a new run."
        )
    return [result for result in results.values() if result is not None]


def _require_items_accounted(plan: Plan, results: list[IndexResult]) -> None:
    for part, result in zip(plan.index_parts, results, strict=True):
        if result.items != part.items:
            raise BuildError(
                f"Index part {part.number} has {part.items} items but accounts for {result.items} ({result.indexed} "
                f"indexed, {result.deleted} deleted, {result.dead_letters} dead letters). Trigger a new run."
            )


def _books(plan: Plan, rejected: Counts, results: list[IndexResult]) -> Books:
    """The planned lines less the documents that were rejected on the way; those become dead letters."""
    counts = plan.counts
    lost = rejected.encoded + rejected.reused + rejected.blank
    return Books(
        rows_read=counts.rows_read,
        unchanged=counts.unchanged,
        encoded=counts.encoded - rejected.encoded,
        reused=counts.reused - rejected.reused,
        blank=counts.blank - rejected.blank,
        duplicate_ids=counts.duplicate_ids,
        superseded=counts.superseded,
        tombstones=counts.tombstones,
        dead_letters=counts.dead_letters + lost,
        deleted=sum(result.deleted for result in results),
        documents=counts.documents - lost,
        health="unknown",
        empty=dict(sum((Counter(result.empty) for result in results), Counter())),
    )


def _require_closed(books: Books) -> None:
    if books.explained != books.rows_read:
        raise BuildError(
            f"The books do not close: {books.rows_read} rows were read, {books.explained} are accounted for (difference "
            f"{books.rows_read - books.explained}): {asdict(books)}. Nothing was promoted; report this as a defect."
        )


def _require_few_dead_letters(plan: Plan, books: Books) -> None:
    limits, share = plan.config.limits, books.dead_letters / max(books.rows_read, 1)
    if books.dead_letters > limits.max_dead_letters or share > limits.max_dead_letter_share:
        raise BuildError(
            f"{books.dead_letters} of {books.rows_read} rows ({share:.2%}) are dead letters; allowed are "
            f"{limits.max_dead_letters} and {limits.max_dead_letter_share:.2%} (limits.max_dead_letters, "
            f"limits.max_dead_letter_share). Reasons: {plan.folder}/dead_letters/*.parquet in the store."
        )


def _require_count(cluster: Cluster, plan: Plan, books: Books) -> None:
    cluster.post(f"/{plan.candidate}/_refresh")
    count = documents_in(cluster, plan.candidate)
    if count != books.documents:
        raise BuildError(
            f"Candidate {plan.candidate} holds {count} documents, the books say {books.documents} (difference "
            f"{count - books.documents}). Nothing was promoted. Trigger a new run with mode full."
        )


def _mark_complete(cluster: Cluster, plan: Plan, documents: int) -> None:
    meta = read_meta(cluster, plan.candidate)
    if meta is None or meta.build_id != plan.build_id:
        raise BuildError(f"Candidate {plan.candidate} lost its _meta; it was replaced by somebody. Trigger a new run.")
    write_meta(cluster, plan.candidate, meta.model_copy(update={"state": "complete", "documents": documents}))
