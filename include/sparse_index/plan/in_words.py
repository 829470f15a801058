"""The plan in words."""

from __future__ import annotations

from collections.abc import Iterator

from sparse_index.builds.plan import Plan
from sparse_index.plan.disk import readable_bytes
from sparse_index.vectors.kinds import vector_kinds

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
    ("superseded by a newer day", "superseded"),
    ("tombstones", "tombstones"),
    ("dead letters", "dead_letters"),
    ("cut at max_text_chars", "over_long"),
    ("vectors reused (documents)", "reused"),
    ("texts to encode", "texts_to_encode"),
)
_ALWAYS = {"rows_read", "documents", "texts_to_encode"}


def plan_in_words(plan: Plan) -> str:
    """Several lines: what kind of build, why, the numbers that are not 0 (also as a share of the rows read), time and disk."""
    head = [
        f"Build {plan.build_id} of '{plan.alias}': {plan.kind} ({'; '.join(plan.reasons)})",
        f"  live now: {plan.live_index or 'nothing'}; {_dates(plan)}",
    ]
    return "\n".join([*head, *_numbers(plan), *_outlook(plan)])


def _dates(plan: Plan) -> str:
    day = plan.request.data_date
    return f"data date {day}" if plan.data_date == day else f"partition {day}, the newest so far is {plan.data_date}"


def _numbers(plan: Plan) -> Iterator[str]:
    counts = plan.counts.model_dump()
    total = max(plan.counts.rows_read, 1)
    for label, name in _LINES:
        if counts[name] or name in _ALWAYS:
            yield f"  {label:<38}{counts[name]:>12,}  {counts[name] / total:>7.1%}"
    for name, field in plan.counts.fields.items():
        yield f"  {name}: {field.encoded:,} documents encoded, {field.reused:,} reused, {field.texts_to_encode:,} texts to encode"
    for name, documents in plan.counts.empty.items():
        yield f"  {name}: {documents:,} documents go without a vector: that of their text is empty"


def _outlook(plan: Plan) -> Iterator[str]:
    if plan.makes_candidate:
        yield f"  parts: {len(plan.encode_parts)} to encode, {len(plan.index_parts)} to index"
    elif plan.outcome_when_idle == "plan_only":
        yield "  only a plan was asked for: nothing is built"
    else:
        yield "  nothing changed: the live index stays as it is"
    yield f"  expected time from here: {_expected(plan)}"
    size = "unknown before the first build" if plan.disk_bytes is None else f"up to {readable_bytes(plan.disk_bytes)}"
    yield f"  disk for the candidate: {size}"
    yield from _vector_bytes(plan)
    if not plan.promotes:
        yield f"  limited to {plan.request.row_limit} rows: this build never goes live"
    yield from (f"  note: {note}" for note in plan.notes)


def _vector_bytes(plan: Plan) -> Iterator[str]:
    """Of the kinds whose vectors are all of one size."""
    copies = 1 + plan.config.index.replicas
    for name, kind in vector_kinds(plan.config).items():
        if kind.bytes_each is not None:
            text, texts = _texts(plan, name)
            each, total = readable_bytes(kind.bytes_each), readable_bytes(kind.bytes_each * texts)
            yield f"  {name}: some {each} a {text}, {total} a copy ({copies}); nodes with that much free memory search quickly"


def _texts(plan: Plan, field: str) -> tuple[str, int]:
    """What has a vector in this field, and how many there are."""
    if plan.config.vector_fields[field].divided is None:
        return "document", plan.counts.documents
    lengths = plan.counts.lengths.get(field)
    return "passage", lengths.passages if lengths is not None else 0


def _expected(plan: Plan) -> str:
    if plan.estimate is None:
        return f"unknown ({plan.no_estimate})"
    if not plan.estimate.because:
        return _duration(0)
    likely, low, high = map(_duration, (plan.estimate.seconds, plan.estimate.low, plan.estimate.high))
    return f"{likely} ({low} to {high}: {plan.estimate.because})"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
