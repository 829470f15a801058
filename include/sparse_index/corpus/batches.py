"""A row group in batches whose size in memory is even, whatever its rows are like: every value as its writer meant it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sparse_index.addresses import public_address
from sparse_index.corpus.int96 import exact_batches, int96_columns
from sparse_index.corpus.old_calendar import in_new_calendar, old_columns
from sparse_index.corpus.parquet import parquet_file, reading
from sparse_index.corpus.typed import decoded

# So much is read at a time, by the footer's account. The row limit is for what the footer does not say: a text of 1 MB that
# every row repeats is stored once.
READ_BYTES = 8_000_000
READ_ROWS = 256
# So much goes on together, by what is there: what works on whole columns costs something for each batch.
BATCH_BYTES = 4_000_000
BATCH_ROWS = 4_096


def place_of_group(file: str, row_group: int) -> str:
    return f"{file}, row group {row_group}"


def batches_of_rows(
    parquet: pq.ParquetFile, address: str, row_group: int, columns: Sequence[str] | None
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """(number of the first row, rows) of one row group. `columns` None: all, as a person may see them."""
    group = parquet.metadata.row_group(row_group)
    row_bytes = max(1, group.total_byte_size // max(1, group.num_rows))
    size = max(1, min(READ_ROWS, READ_BYTES // row_bytes))
    first, names = 0, [name for name in parquet.schema_arrow.names if columns is None or name in columns]
    with reading(address, row_group):
        read = _read(parquet, address, row_group, names, size, as_meant=columns is not None)
        for schema, alike in groupby(read, key=lambda batch: batch.schema):
            for batch in even(decoded(alike, schema)):
                yield first, batch
                first += len(batch)


def _read(
    parquet: pq.ParquetFile, address: str, row_group: int, names: list[str], rows: int, *, as_meant: bool
) -> Iterator[pa.RecordBatch]:
    """`as_meant`: every instant as its writer meant it; those of 96 bits are read twice, days of an old calendar made new."""
    # Batches are small: what threads would do at once costs less than handing it to them.
    chosen: dict[str, Any] = {"batch_size": rows, "row_groups": [row_group], "use_threads": False}
    batches, place = parquet.iter_batches(columns=names, **chosen), place_of_group(public_address(address), row_group)
    twice = int96_columns(parquet, names) if as_meant else []
    with ExitStack() as stack:
        if twice:
            again = stack.enter_context(parquet_file(address, "ns"))
            batches = exact_batches(batches, again.iter_batches(columns=twice, **chosen), place)
        old = old_columns(parquet, names) if as_meant else frozenset()
        yield from (in_new_calendar(batch, old, parquet, place) if old else batch for batch in batches)


def even(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows of one schema in batches up to BATCH_ROWS and, but for a single row, about BATCH_BYTES."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        more = batch.get_total_buffer_size()
        if waiting and (rows + len(batch) > BATCH_ROWS or size + more > BATCH_BYTES):
            yield from _pieces(waiting, rows, size)
            waiting, rows, size = [], 0, 0
        waiting.append(batch)
        rows, size = rows + len(batch), size + more
    if waiting:
        yield from _pieces(waiting, rows, size)


def _pieces(batches: list[pa.RecordBatch], rows: int, size: int) -> Iterator[pa.RecordBatch]:
    """One batch of them all; a batch that is too large in several."""
    most = max(1, rows * BATCH_BYTES // max(BATCH_BYTES, size))
    yield from pa.Table.from_batches(batches).combine_chunks().to_batches(most)
