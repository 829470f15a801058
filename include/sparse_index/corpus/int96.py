"""Timestamps of 96 bits (Spark, Hive, Impala): nanoseconds of any year, for which Arrow has no type.

Read as nanoseconds they wrap outside the years 1677 to 2262; read as microseconds they lose their last three digits. So both
are read, and each row has the unit that keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sparse_index.corpus.arrow_types import time_leaves
from sparse_index.errors import CorpusError


def int96_columns(parquet: pq.ParquetFile, names: Sequence[str]) -> list[str]:
    """Which of the top-level columns `names` hold such timestamps, alone or within lists and structs."""
    leaves = (parquet.schema.column(at) for at in range(len(parquet.schema)))
    found = [leaf.path for leaf in leaves if leaf.physical_type == "INT96"]
    nested = nested_columns(parquet, names)
    return [name for name in names if any(_is_in(path, name, name in nested) for path in found)]


def nested_columns(parquet: pq.ParquetFile, names: Iterable[str]) -> set[str]:
    """Which of the top-level columns `names` hold lists, structs or maps."""
    return {name for name in names if pa.types.is_nested(parquet.schema_arrow.field(name).type)}


def _is_in(path: str, name: str, is_nested: bool) -> bool:
    """A name may have a dot of its own."""
    return path.startswith(f"{name}.") if is_nested else path == name


def exact_batches(
    microseconds: Iterable[pa.RecordBatch], nanoseconds: Iterable[pa.RecordBatch], place: str
) -> Iterator[pa.RecordBatch]:
    """The rows of `microseconds` with the columns of `nanoseconds` where these are needed and reach; CorpusError naming
    `place` for an instant that neither keeps."""
    for coarse, fine in zip(microseconds, nanoseconds, strict=True):
        if any(_digits(coarse.column(name), fine.column(name)).any() for name in fine.schema.names):
            yield from _divided(coarse, fine, place)
        else:
            yield coarse


def _divided(coarse: pa.RecordBatch, fine: pa.RecordBatch, place: str) -> Iterator[pa.RecordBatch]:
    """Runs of rows whose instants are all of one reach, each column in its unit."""
    beyond = {name: _beyond(coarse.column(name), fine.column(name), place) for name in fine.schema.names}
    for reaches, run in groupby(range(len(coarse)), key=lambda row: [bool(each[row]) for each in beyond.values()]):
        rows = list(run)
        batch = coarse.slice(rows[0], len(rows))
        for name, is_beyond in zip(beyond, reaches, strict=True):
            if not is_beyond:
                at = batch.schema.get_field_index(name)
                batch = batch.set_column(at, name, fine.column(name).slice(rows[0], len(rows)))
        yield batch


def _beyond(coarse: pa.Array, fine: pa.Array, place: str) -> np.ndarray:
    """For each row whether its instant is out of the reach of nanoseconds, which have wrapped then."""
    digits = _digits(coarse, fine)
    if len(digits) != len(coarse) or not pa.types.is_timestamp(coarse.type):
        raise CorpusError(_lost(place, "within lists or structs"))
    beyond: np.ndarray = _numbers(fine) // 1000 != _numbers(coarse)
    if (beyond & (digits != 0)).any():
        raise CorpusError(_lost(place, "outside the years 1677 to 2262"))
    return beyond


def _lost(place: str, where: str) -> str:
    return (
        f"{place}: INT96 timestamps {where} have digits beyond microseconds, which cannot be kept. Write the column as "
        "microseconds (Spark: spark.sql.parquet.outputTimestampType=TIMESTAMP_MICROS)."
    )


def _digits(coarse: pa.Array, fine: pa.Array) -> np.ndarray:
    """The nanoseconds of each instant beyond its microseconds: exact although `fine` may have wrapped, for it wraps by the
    same number."""
    pairs = list(zip(time_leaves(coarse), time_leaves(fine), strict=True))
    return np.concatenate([_numbers(nano) - _numbers(micro) * 1000 for micro, nano in pairs])


def _numbers(array: pa.Array) -> np.ndarray:
    numbers: np.ndarray = array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    return numbers
