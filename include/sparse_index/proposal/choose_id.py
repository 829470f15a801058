"""Which column is the id: one that has a value in every row, each its own."""

from __future__ import annotations

import re
from collections.abc import Callable

from sparse_index.corpus.columns import is_id_type
from sparse_index.corpus.scan import MAX_ID_BYTES
from sparse_index.errors import ConfigError
from sparse_index.proposal.choice import Chosen, column_named, kind_of
from sparse_index.proposal.look import Look, Seen, Values

Count = Callable[[str], Values]

# A longer text is no id that people would use.
_MOST_WORDS = 3.0
_SURE_NAME = re.compile(r"_?id|uuid|guid|key|pk", re.IGNORECASE)
_ID_NAME = re.compile(r".*(?:[_-](?:id|uuid|guid|key)|[a-z]I[dD]|ID)")
# The column in which pandas keeps the numbers of rows: they move when rows do.
_ROW_NUMBERS = re.compile(r"__index_level_\d+__")


def wanted_id(look: Look, name: str, count: Count) -> Chosen:
    seen = column_named(look, name, "--id")
    if seen.kind is None or not is_id_type(seen.kind) or seen.is_partition:
        what = "the name of folders" if seen.is_partition else kind_of(seen)
        raise ConfigError(f"--id {name}: it is {what}, and an id is text or a whole number of the row's own.")
    values = count(name)
    problem = "" if values.are_ids else f", but {_not_unique(values)}: such rows are left out and counted"
    return Chosen(name, f"id: {name}, as you said{problem}")


def _not_unique(values: Values) -> str:
    """What keeps a column from being an id."""
    repeated = values.rows - values.unusable - values.distinct
    said = [
        f"{values.unusable:,} of {values.rows:,} rows have none that can be one" if values.unusable else "",
        f"{repeated:,} rows repeat an id ('{values.example}' comes {values.most:,} times)" if repeated > 0 else "",
    ]
    return " and ".join(filter(None, said))


def proposed_id(look: Look, count: Count) -> Chosen:
    candidates = sorted((seen for seen in look.columns if _may_be_id(seen)), key=lambda seen: _id_rank(seen.name))
    refused = []
    for seen in candidates:
        values = count(seen.name)
        if values.are_ids:
            named = ", and its name says so" if _id_rank(seen.name) < 2 else ""
            moving = " (row numbers: they move when rows do)" if _ROW_NUMBERS.fullmatch(seen.name) else ""
            return Chosen(seen.name, f"id: {seen.name}: all {values.rows:,} values differ{named}{moving}")
        refused.append(f"{seen.name}: {_not_unique(values)}")
    refused += [line for seen in look.columns if (line := _no_id(seen))]
    lines = "".join(f"\n  - {line}" for line in refused)
    raise ConfigError(
        f"No column of {look.address} can be the id: a text or whole number that every row has, each its own.{lines}\n"
        "Write one into the files; or pass --id COLUMN (make: ID=COLUMN): of rows with the same id the first one counts."
    )


def _may_be_id(seen: Seen) -> bool:
    return seen.kind is not None and is_id_type(seen.kind) and not seen.is_partition and _no_id(seen) is None


def _no_id(seen: Seen) -> str | None:
    """Why the sample says that a column is no id; None when it may be one, or is of a type that nobody takes for one."""
    if seen.kind is None or not is_id_type(seen.kind) or not seen.filled:
        return None
    missing = f"{1 - seen.filled:.1%} of the rows looked at have none" if seen.filled < 1 else ""
    repeated = f"{1 - seen.distinct:.1%} of them repeat one" if seen.distinct < 1 else ""
    if missing or repeated:
        return f"{seen.name}: {' and '.join(filter(None, (missing, repeated)))}"
    too_long = seen.words > _MOST_WORDS or seen.longest > MAX_ID_BYTES
    return f"{seen.name}: {seen.words:.0f} words on average, which is a text" if too_long else None


def _id_rank(name: str) -> int:
    if _ROW_NUMBERS.fullmatch(name):
        return 3
    return 0 if _SURE_NAME.fullmatch(name) else 1 if _ID_NAME.fullmatch(name) else 2
