"""Dead letters: rows of the corpus that cannot be used, each with its source and the reason.

A build has up to three kinds of files under `<plan.folder>/dead_letters/`:

    scan.parquet          rows that are no documents (null id, ...); written by the plan
    encode-<part>.parquet one line a *text* the model refused; the line's row is the first one that has the text
    index-<part>.parquet  one line a *document* that is not in the candidate, whatever stage rejected it

The books count `scan` and `index` files; `encode` files give the index stage the reason.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa

from sparse_index.builds.folder import LetterStage, letters_files
from sparse_index.builds.plan import Plan
from sparse_index.corpus.place import COLUMNS, Place
from sparse_index.corpus.rows import source_rows_at
from sparse_index.errors import BuildError
from sparse_index.store.files import Store

Key = tuple[str | None, str | None, str | None]

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
        ("file_version", pa.string()),
        ("row_group", pa.int32()),
        ("row", pa.int32()),
        ("source", pa.string()),
        ("text_hash", pa.string()),
    ]
)
LONGEST_REASON = 1_000
KEYS = ("stage", "error_class", "reason")
# Of one file. Reasons that quote ids or values are as many as letters.
_REASONS_TOLD_APART = 1_000
# Whoever shows a page of them reads few source rows beside those.
_ROWS_A_GROUP = 500


@dataclass(frozen=True)
class DeadLetter:
    """`source`: the row as JSON; `at`: when it was rejected; `attempt`: how often it was tried. `place` None: of a document
    that is in the corpus no more."""

    id: str | None
    stage: LetterStage
    error_class: str
    reason: str
    attempt: int
    build_id: str
    at: datetime
    place: Place | None
    source: str = ""


def write_letters(store: Store, path: str, letters: Iterable[DeadLetter]) -> int:
    """Replace the file by `letters`; none: no file, so that a repeated task never leaves those of a dead attempt."""
    rows = [_row(letter) for letter in letters]
    if rows:
        store.write_table(path, pa.Table.from_pylist(rows, schema=SCHEMA), _ROWS_A_GROUP)
    else:
        store.delete(path)
    return len(rows)


def _row(letter: DeadLetter) -> dict[str, Any]:
    row: dict[str, Any] = asdict(letter)
    place: dict[str, Any] | None = row.pop("place")
    return row | (place or {}) | {"reason": letter.reason[:LONGEST_REASON]}


def read_letters(store: Store, path: str) -> list[DeadLetter]:
    """The letters of one file; columns that its writer did not know are None."""
    rows = store.read_table(path).to_pylist()
    return [_letter({name: row.get(name) for name in SCHEMA.names}) for row in rows]


def _letter(row: dict[str, Any]) -> DeadLetter:
    place = Place.of(row) if row["file"] else None
    return DeadLetter(place=place, **{name: value for name, value in row.items() if name not in COLUMNS})


def by_reason(letters: pa.Table) -> Counter[Key]:
    """How many of one file have each stage, class and reason: the most frequent ones. `letters` has the columns `KEYS`."""
    counted = letters.group_by(list(KEYS)).aggregate([([], "count_all")]).sort_by([("count_all", "descending")])
    told_apart = counted.slice(0, _REASONS_TOLD_APART).to_pylist()
    return Counter({(row["stage"], row["error_class"], row["reason"]): row["count_all"] for row in told_apart})


def most_frequent(store: Store, plan: Plan, many: int) -> list[dict[str, Any]]:
    """The reasons of a build's letters, each with its `stage`, `error_class`, `reason` and number of `letters`."""
    counts: Counter[Key] = Counter()
    for path in letters_files(store, plan):
        counts += by_reason(store.read_table(path, list(KEYS)))
    return [dict(zip(KEYS, key, strict=True)) | {"letters": letters} for key, letters in counts.most_common(many)]


def require_few(plan: Plan, refused: int, what: str, reasons: str) -> None:
    """Stop a part early: with so many dead letters reconcile would refuse the build at its end. `what` says what became of
    them, `reasons` where to read why."""
    allowed = plan.config.limits.max_dead_letters
    if refused > allowed:
        raise BuildError(
            f"{refused} {what}, more than limits.max_dead_letters ({allowed}) allows in a whole build. {reasons}"
        )


def with_sources(plan: Plan, letters: Sequence[DeadLetter]) -> Iterator[DeadLetter]:
    """The letters with `source` read from the corpus again, all columns: they are few, and so no stage has to carry
    whole rows about. Bytes are written in base64."""
    yield from (letter for letter in letters if letter.place is None)
    placed = sorted(((letter.place, letter) for letter in letters if letter.place), key=_in_order)
    if not placed:
        return
    rows = source_rows_at(plan.config, (place for place, _ in placed), plan.source_version)
    for (_, letter), row in zip(placed, rows, strict=True):
        yield replace(letter, source=orjson.dumps(row, default=_readable).decode())


def _readable(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _in_order(placed: tuple[Place, DeadLetter]) -> tuple[str, int, int]:
    place, _ = placed
    return place.file, place.row_group, place.row
