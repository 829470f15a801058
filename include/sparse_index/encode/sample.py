"""Some texts of a corpus, from its manifests: of all lengths that it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sparse_index.builds.plan import Plan
from sparse_index.corpus.place import Place
from sparse_index.corpus.rows import texts_at
from sparse_index.corpus.schema import load_schema
from sparse_index.store.files import Store

T = TypeVar("T")

# A row costs the reading of its row group up to it.
_MANIFESTS, _ROWS = 4, 1_000


def sample_texts(store: Store, plan: Plan, field: str, most: int) -> list[str]:
    """Up to `most` texts of a vector field, each first part of which has short and long ones alike; none where the first rows of
    its shards have none."""
    first = (batch for path in evenly(plan.scans, _MANIFESTS) for batch in islice(store.batches(path, _ROWS), 1))
    rows = [row for batch in first for row in batch.to_pylist() if _has_text(row, field)]
    by_length = sorted(range(len(rows)), key=lambda number: (rows[number]["chars"] or 0, number))
    chosen = [rows[number] for number in sorted(evenly(by_length, most))]
    return spread(sorted(_texts(store, plan, field, chosen), key=len))[:most]


def evenly(items: Sequence[T], most: int) -> list[T]:
    """At most so many of them, in their order, from begin to end."""
    count = min(len(items), most)
    return [items[(2 * number + 1) * len(items) // (2 * count)] for number in range(count)]


def spread(items: Sequence[T]) -> list[T]:
    """All of them, each next one far from those before: whoever stops early has seen some from everywhere."""
    bits = max(1, (len(items) - 1).bit_length())
    return [items[number] for number in sorted(range(len(items)), key=lambda number: f"{number:0{bits}b}"[::-1])]


def _has_text(row: Mapping[str, Any], field: str) -> bool:
    usable = row["problem"] is None and not row["deleted"]
    return usable and (row["text_hash"] is not None or bool(_spans(row, field)))


def _spans(row: Mapping[str, Any], field: str) -> list[slice]:
    """Of the field's own texts; none where it has the whole one."""
    return [slice(each["start"], each["end"]) for each in dict(row["passages"] or ()).get(field) or ()]


def _texts(store: Store, plan: Plan, field: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    schema, template = load_schema(store, plan.schema_path).schema, plan.config.template_of(field)
    places = [Place.of(row) for row in rows]
    for row, (_, texts) in zip(
        rows, texts_at(plan.config, schema, places, [template], plan.source_version), strict=True
    ):
        text = texts[template]
        if text:
            yield from (text[span] for span in _spans(row, field) or [slice(None)])
