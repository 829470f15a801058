"""Dates before 1582-10-15 in files of Spark 2, of Spark's LEGACY mode and of Hive count days of the Julian calendar.

Read as everybody else reads them, 0001-01-01 would become 0000-12-30. Such files say so in their footer. Days, and instants
written in UTC, are given the date that their writer meant; other zones had no whole hours then, and are refused.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sparse_index.corpus.arrow_types import time_leaves
from sparse_index.corpus.int96 import int96_columns, nested_columns
from sparse_index.errors import CorpusError

# From each day on (counted from 1970) so many days lie between a date of the Julian calendar and its namesake.
_FROM_DAY = np.array(
    [
        -719164,
        -682945,
        -646420,
        -609895,
        -536845,
        -500320,
        -463795,
        -390745,
        -354220,
        -317695,
        -244645,
        -208120,
        -171595,
    ]
)
_DAYS_APART = np.array([2, 1, 0, -1, -2, -3, -4, -5, -6, -7, -8, -9, -10])
_NEW_CALENDAR_DAY = -141427
_ZONES_ARE_WHOLE_DAY = -25567
_PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_UTC = frozenset({"UTC", "Etc/UTC", "GMT", "Z", "+00:00"})


def old_columns(parquet: pq.ParquetFile, names: Sequence[str]) -> frozenset[str]:
    """Which of the top-level columns `names` count so, if they hold times: Spark since 2.4, and Hive, sign what they write.

    Spark has a mode for timestamps of 96 bits and one for all else, and counted the former so until 3.0.
    """
    said = _said(parquet)
    spark, hive = said.get("org.apache.spark.version", ""), said.get("writer.date.proleptic") == "false"
    days = hive or "org.apache.spark.legacyDateTime" in said or spark.startswith(("1.", "2."))
    int96 = hive or "org.apache.spark.legacyINT96" in said or spark.startswith(("1.", "2.", "3.0."))
    if days == int96:
        return frozenset(names if days else ())
    wide = set(int96_columns(parquet, names))
    # What is nested may hold both kinds; it is looked at, and refused where it holds old dates.
    return frozenset(wide if int96 else set(names) - (wide - nested_columns(parquet, names)))


def _said(parquet: pq.ParquetFile) -> dict[str, str]:
    return {
        name.decode(): value.decode("utf-8", "replace") for name, value in (parquet.metadata.metadata or {}).items()
    }


def in_new_calendar(batch: pa.RecordBatch, old: Collection[str], parquet: pq.ParquetFile, place: str) -> pa.RecordBatch:
    """The batch with the dates that were meant in the `old` columns; CorpusError naming `place` and column where they cannot
    be known."""
    said = _said(parquet)
    is_utc = said.get("org.apache.spark.timeZone", said.get("writer.time.zone")) in _UTC
    arrays = [
        _new(column, is_utc, f"{place}, column '{name}'") if name in old else column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _new(array: pa.Array, is_utc: bool, where: str) -> pa.Array:
    times = [leaf for leaf in time_leaves(array) if _has_old(leaf, is_utc)]
    if not times:
        return array
    if not (pa.types.is_date32(array.type) or (pa.types.is_timestamp(array.type) and is_utc)):
        raise CorpusError(
            f"{where} holds old dates of a file that counts days of the Julian calendar ({_why(array)}): which are meant "
            "cannot be known. Write the file with Spark 3 or later in the mode CORRECTED "
            "(spark.sql.parquet.datetimeRebaseModeInWrite, spark.sql.parquet.int96RebaseModeInWrite)."
        )
    numbers, per_day = _numbers(array), _per_day(array)
    days = numbers // per_day
    bucket = np.searchsorted(_FROM_DAY, days, side="right") - 1
    if (bucket < 0).any():
        raise CorpusError(
            f"{where} holds dates before the year 1 of the Julian calendar. Write them with Spark 3 or later."
        )
    apart = np.where(days < _NEW_CALENDAR_DAY, _DAYS_APART[bucket], 0)
    moved = pa.array(numbers + apart * per_day, mask=array.is_null().to_numpy(zero_copy_only=False))
    return moved.cast(pa.int32() if per_day == 1 else pa.int64()).cast(array.type)


def _why(array: pa.Array) -> str:
    nested = pa.types.is_nested(array.type)
    return "they are within lists or structs" if nested else "written in another zone than UTC, before 1900"


def _has_old(array: pa.Array, is_utc: bool) -> bool:
    exact = is_utc or pa.types.is_date(array.type)
    first = _NEW_CALENDAR_DAY if exact else _ZONES_ARE_WHOLE_DAY
    return bool((_numbers(array) < first * _per_day(array)).any())


def _per_day(array: pa.Array) -> int:
    return _PER_DAY[array.type.unit] if pa.types.is_timestamp(array.type) else 1


def _numbers(array: pa.Array) -> np.ndarray:
    width = pa.int64() if pa.types.is_timestamp(array.type) else pa.int32()
    numbers: np.ndarray = array.cast(width).cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    return numbers
