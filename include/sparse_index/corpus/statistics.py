"""What a footer knows of a file's values."""

from __future__ import annotations

import pyarrow.parquet as pq


def valueless(metadata: pq.FileMetaData) -> frozenset[str]:
    """The columns of which the footer says that every value is null; all of them in a file without rows.

    Columns of lists and structs, and those whose writer did not count the nulls, are taken to have values.
    """
    columns = {metadata.schema.column(number).path: number for number in range(metadata.num_columns)}
    return frozenset(
        path
        for path, number in columns.items()
        if metadata.schema.column(number).max_repetition_level == 0 and _is_empty(metadata, number)
    )


def _is_empty(metadata: pq.FileMetaData, column: int) -> bool:
    return all(_only_nulls(metadata.row_group(group), column) for group in range(metadata.num_row_groups))


def _only_nulls(group: pq.RowGroupMetaData, column: int) -> bool:
    if group.num_rows == 0:
        return True
    statistics = group.column(column).statistics
    return bool(statistics is not None and statistics.has_null_count and statistics.null_count == group.num_rows)
