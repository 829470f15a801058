"""Partition values: columns that no file holds, but the folders `key=value` above it, or the log of its table."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from sparse_index.corpus.arrow_types import is_text
from sparse_index.errors import CorpusError

# Of a file: column -> value as text, None for null.
Values = Mapping[str, str | None]
# From the public address of a file to its values.
Partitions = Callable[[str], Values]

INSTANT = pa.timestamp("us", tz="UTC")
# The names that `source.partition_types` takes.
TYPES: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int32(),
    "long": pa.int64(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": INSTANT,
    "boolean": pa.bool_(),
}
_INFERRED = (pa.int64(), pa.float64(), pa.date32(), INSTANT)
_NULLS = ("__HIVE_DEFAULT_PARTITION__", "")
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(rf"{_DAY.pattern}([ T]\d{{2}}:\d{{2}}:\d{{2}}(\.\d{{1,6}})?(Z|[+-]\d{{2}}:?\d{{2}})?)?", re.ASCII)
# So many digits any writer of doubles may need.
_DOUBLE_DIGITS = 17


def folder_values(path: str) -> dict[str, str | None]:
    """What the folders of a file's path (below the address of the corpus) say, as Hive and Spark write them.

    CorpusError when they say two things of one key.
    """
    values: dict[str, str | None] = {}
    for name, sign, text in (folder.partition("=") for folder in path.split("/")[:-1]):
        key, value = unquote(name), None if text in _NULLS else unquote(text)
        if sign and values.setdefault(key, value) != value:
            raise CorpusError(
                f"{path}: its folders say of '{key}' both {values[key]} and {value}. Rename one of them, or set "
                "`source.partitions: ignore`."
            )
    values.pop("", None)
    return values


def inferred_types(values: Iterable[Values]) -> dict[str, pa.DataType]:
    """For each key the first of long, double, date and timestamp that holds all its values, as in Spark, else string; no
    type where there is no value."""
    found: dict[str, set[str]] = {}
    for each in values:
        for key, text in each.items():
            found.setdefault(key, set()).update(() if text is None else (text,))
    return {key: _inferred(texts) for key, texts in found.items()}


def _inferred(texts: set[str]) -> pa.DataType:
    if not texts:
        return pa.null()
    return next((kind for kind in _INFERRED if all(_fits(text, kind) for text in texts)), pa.string())


def _fits(text: str, kind: pa.DataType) -> bool:
    try:
        _scalar(text, kind)
    except (ValueError, OverflowError):
        return False
    return True


def require_typed(file: str, values: Values, types: Mapping[str, pa.DataType]) -> None:
    """CorpusError for a value that is none of its type."""
    for key, text in values.items():
        _constant(key, text, types[key], file)


def with_partition(rows: pa.RecordBatch, own: Sequence[str], values: Values, place: str) -> pa.RecordBatch:
    """`rows` with the partition's values in the columns of its keys; `own`: the columns that the file itself has.

    CorpusError naming `place` when the file has such a column with other values, or a value is none of its column's type.
    """
    for key, text in values.items():
        at = rows.schema.get_field_index(key)
        if at < 0:
            continue
        constant = _constant(key, text, rows.schema.field(at).type, place)
        if key in own:
            _require_equal(rows.column(at), constant, f"{place}: the folder says {key}={text}")
        else:
            rows = rows.set_column(at, rows.schema.field(at), pa.repeat(constant, len(rows)))
    return rows


def _require_equal(column: pa.Array, constant: pa.Scalar, said: str) -> None:
    same = column.is_null() if not constant.is_valid else pc.fill_null(pc.equal(column, constant), False)
    differing = column.filter(pc.invert(same))
    if len(differing):
        raise CorpusError(
            f"{said}, and the file's own column of that name holds {differing[0].as_py()}. Correct one of them, or set "
            "`source.partitions: ignore` to believe the file."
        )


def _constant(key: str, text: str | None, kind: pa.DataType, place: str) -> pa.Scalar:
    try:
        return pa.scalar(None, kind) if text is None else _scalar(text, kind)
    except (ValueError, OverflowError) as error:
        raise CorpusError(
            f"{place}: the partition's {key}={text} is no {kind}. Correct the folder, give the key another type in "
            "`source.partition_types`, or set `source.partitions: ignore`."
        ) from error


def _scalar(text: str, kind: pa.DataType) -> pa.Scalar:
    """ValueError or OverflowError when `text` is none of that type."""
    parse = next((parse for matches, parse in _PARSERS if matches(kind)), None)
    if parse is None:
        raise ValueError(f"no value of a folder is {kind}")
    return pa.scalar(parse(text), kind)


def _matched(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(text)
    return text


def _digits(text: str) -> int:
    """How many of a number's digits count."""
    return len(re.sub(r"[eE].*|[+.-]", "", text).strip("0"))


def _double(text: str) -> float:
    number = float(_matched(_NUMBER, text))
    if not math.isfinite(number) or _digits(text) > _DOUBLE_DIGITS or (_WHOLE.fullmatch(text) and int(text) != number):
        raise ValueError(f"{text} would be rounded")
    return number


def _boolean(text: str) -> bool:
    return _matched(re.compile("true|false"), text.lower()) == "true"


def _instant(text: str) -> datetime:
    when = datetime.fromisoformat(_matched(_INSTANT, text))
    return when if when.tzinfo else when.replace(tzinfo=UTC)


_PARSERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[str], Any]], ...] = (
    (is_text, str),
    (pa.types.is_integer, lambda text: int(_matched(_WHOLE, text))),
    (pa.types.is_floating, _double),
    (pa.types.is_boolean, _boolean),
    (pa.types.is_date, lambda text: date.fromisoformat(_matched(_DAY, text))),
    (pa.types.is_timestamp, _instant),
    (pa.types.is_decimal, lambda text: Decimal(_matched(_NUMBER, text))),
)
