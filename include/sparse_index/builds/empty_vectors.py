"""Documents that go without a vector in some field because their text has an empty one: a line each.

<plan.folder>/empty/index-<part>.parquet   of the documents that the part wrote
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from sparse_index.builds.plan import Part, Plan
from sparse_index.corpus.place import Place
from sparse_index.store.files import Store

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("field", pa.string()),
        ("file", pa.string()),
        ("file_version", pa.string()),
        ("row_group", pa.int32()),
        ("row", pa.int32()),
        ("text_hash", pa.string()),
    ]
)


@dataclass(frozen=True)
class EmptyVector:
    """A document that a search in `field` cannot find."""

    id: str
    field: str
    place: Place


def empty_path(plan: Plan, part: Part) -> str:
    return f"{plan.folder}/empty/index-{part.number:05d}.parquet"


def write_empty(store: Store, plan: Plan, part: Part, empty: Sequence[EmptyVector]) -> dict[str, int]:
    """Replace the part's list by `empty`; none: no file. Gives the number of documents by field."""
    path = empty_path(plan, part)
    if empty:
        store.write_table(path, pa.Table.from_pylist([_row(each) for each in empty], schema=SCHEMA))
    else:
        store.delete(path)
    return dict(Counter(each.field for each in empty))


def _row(each: EmptyVector) -> dict[str, Any]:
    return {"id": each.id, "field": each.field, **asdict(each.place)}
