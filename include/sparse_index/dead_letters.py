"""Dead letters: rows of the corpus that cannot be used, each with its source and the reason.

A build has up to three kinds of files under `<plan.folder>/dead_letters/`:

    scan.parquet          rows that are no documents (null id, ...); written by the plan
    encode-<part>.parquet one line a *text* the model refused; the line's row is the first one that has the text
    index-<part>.parquet  one line a *document* that is not in the candidate, whatever stage rejected it

The books count `scan` and `index` files; `encode` files give the index stage the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import orjson
import pyarrow as pa

from sparse_index.plan.model import Plan
from sparse_index.store import Store

Stage = Literal["scan", "encode", "index"]

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("stage", pa.string()),
        ("error_class", pa.string()),
        ("reason", pa.string()),
        ("attempt", pa.int32()),
        ("build_id", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("file", pa.string()),
        ("row_group", pa.int32()),
        ("row", pa.int32()),
        ("source", pa.string()),
        ("text_hash", pa.string()),
    ]
)
LONGEST_REASON = 1_000


@dataclass(frozen=True)
class Place:
    """Where a row of the corpus is: file (full address), row group, row within it; and the hash of its text."""

    file: str | None
    row_group: int | None
    row: int | None
    text_hash: str | None = None


@dataclass(frozen=True)
class DeadLetter:
    """`source`: the row as JSON; `text_hash` is None for rows without a text; `at` is when it was rejected."""

    id: str | None
    stage: Stage
    error_class: str
    reason: str
    attempt: int
    build_id: str
    at: datetime
    file: str | None
    row_group: int | None
    row: int | None
    source: str
    text_hash: str | None = None


def letters_path(plan: Plan, stage: Stage, part: int | None = None) -> str:
    name = stage if part is None else f"{stage}-{part:05d}"
    return f"{plan.folder}/dead_letters/{name}.parquet"


def letters_files(store: Store, plan: Plan, stages: Sequence[Stage] = ("scan", "encode", "index")) -> list[str]:
    """Paths of the build's dead letter files of these stages."""
    folder = f"{plan.folder}/dead_letters/"
    found = store.files(folder, ".parquet")
    return [path for path in found if path.removeprefix(folder).split("-")[0].removesuffix(".parquet") in stages]


def write_letters(store: Store, path: str, letters: Iterable[DeadLetter]) -> int:
    """Replace the file by `letters` (no letters: no file), so that a repeated task never leaves those of a dead attempt."""
    rows = [asdict(letter) | {"reason": letter.reason[:LONGEST_REASON]} for letter in letters]
    if rows:
        store.write_table(path, pa.Table.from_pylist(rows, schema=SCHEMA))
    else:
        store.delete(path)
    return len(rows)


def read_letters(store: Store, path: str) -> list[DeadLetter]:
    rows = store.read_table(path).to_pylist()
    return [DeadLetter(**row) for row in rows]


def source_json(row: dict[str, Any]) -> str:
    """A row of JSON-able values as one text."""
    return orjson.dumps(row, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
