"""What a promotion brought, for those who work on with the index."""

from __future__ import annotations

from typing import Any

from sparse_index.addresses import public_address
from sparse_index.builds.plan import Counts, Plan
from sparse_index.builds.reports import Books, books_report
from sparse_index.store.files import Store
from sparse_index.store.layout import receipt_path


def promotion_news(store: Store, plan: Plan) -> dict[str, Any]:
    """Small JSON: which build and index, for which day, and how many documents changed. `receipt`: where it will be."""
    planned, final = plan.counts, final_counts(store, plan)
    return {
        "build_id": plan.build_id,
        "index": plan.candidate,
        "former": plan.live_index,
        "data_date": plan.data_date.isoformat(),
        "partition": plan.partition.isoformat() if plan.partition else None,
        "documents": final.documents,
        "new": planned.new,
        "changed": planned.text_changed + planned.fields_changed,
        "deleted": final.deleted,
        "encoded": final.encoded,
        "reused": final.reused,
        "receipt": public_address(store.full(receipt_path(plan.alias, plan.build_id))),
    }


def final_counts(store: Store, plan: Plan) -> Books | Counts:
    """What became of the rows: by the books, or by the plan while they are open."""
    return books_report(store, plan) or plan.counts
