"""The plan in words."""

from __future__ import annotations

from sparse_index.plan.model import Plan

_LINES = (
    ("rows read", "rows_read"),
    ("documents afterwards", "documents"),
    ("new", "new"),
    ("text changed", "text_changed"),
    ("fields changed", "fields_changed"),
    ("unchanged", "unchanged"),
    ("deleted", "deleted"),
    ("blank text (indexed without vector)", "blank"),
    ("duplicate ids (first one wins)", "duplicate_ids"),
    ("dead letters", "dead_letters"),
    ("cut at max_text_chars", "over_long"),
    ("vectors reused (documents)", "reused"),
    ("texts to encode", "texts_to_encode"),
)


def plan_report(plan: Plan) -> str:
    """Several lines: what kind of build, why, and the numbers."""
    head = [
        f"Build {plan.build_id} of '{plan.alias}': {plan.kind} ({'; '.join(plan.reasons)})",
        f"  live now: {plan.live_index or 'nothing'}; data date {plan.request.data_date}",
    ]
    counts = plan.counts.model_dump()
    total = max(plan.counts.rows_read, 1)
    body = [f"  {label:<38}{counts[name]:>12,}  {counts[name] / total:>7.1%}" for label, name in _LINES]
    tail = [f"  parts: {len(plan.encode_parts)} to encode, {len(plan.index_parts)} to index"]
    return "\n".join([*head, *body, *tail])
