"""Rows of a corpus as documents, in bounded memory: the one reader that scan, encode and index share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.columns import indexed_columns
from sparse_index.corpus.files import open_parquet
from sparse_index.corpus.render import hash_row, hash_text, is_blank, render
from sparse_index.corpus.values import column_values
from sparse_index.errors import CorpusError

BATCH_BYTES = 8_000_000
BATCH_ROWS = 2_000


@dataclass(frozen=True)
class Location:
    """Where a row is: full address of the file, its version, row group, row within the row group."""

    file: str
    file_version: str
    row_group: int
    row: int


@dataclass(frozen=True)
class Document:
    """One row as it is encoded and indexed. `text` is cut at `max_text_chars`; None (and no hash) when it is blank.

    `id` None: the row has none. `chars`: length of the whole text. `fields`: the indexed columns as JSON values.
    """

    location: Location
    id: str | None
    text: str | None
    text_hash: str | None
    row_hash: str
    chars: int
    fields: dict[str, Any]


def documents_of_group(config: CorpusConfig, file: str, version: str, row_group: int) -> Iterator[Document]:
    """Every row of one row group, in order; CorpusError naming file and row group when it cannot be read."""
    with open_parquet(file, version) as parquet:
        yield from _documents(config, parquet, file, version, row_group, None)


def documents_at(config: CorpusConfig, locations: Iterable[Location]) -> Iterator[Document]:
    """The rows at `locations`, which must be sorted by file, row group and row."""
    for (file, version), of_file in groupby(locations, key=lambda at: (at.file, at.file_version)):
        with open_parquet(file, version) as parquet:
            for row_group, of_group in groupby(of_file, key=lambda at: at.row_group):
                rows = [at.row for at in of_group]
                yield from _documents(config, parquet, file, version, row_group, rows)


def _documents(
    config: CorpusConfig,
    parquet: pq.ParquetFile,
    file: str,
    version: str,
    row_group: int,
    wanted: Sequence[int] | None,
) -> Iterator[Document]:
    """Documents of the `wanted` rows (None: of all), one batch in memory at a time."""
    fields = indexed_columns(config, parquet.schema_arrow)
    first = 0
    for batch in _batches(config, parquet, file, row_group, fields):
        rows = range(first, first + len(batch)) if wanted is None else _between(wanted, first, first + len(batch))
        first += len(batch)
        if rows:
            chosen = batch if wanted is None else batch.take(pa.array([row - first + len(batch) for row in rows]))
            columns = {name: column_values(chosen.column(name)) for name in chosen.schema.names}
            for position, row in enumerate(rows):
                values = {name: column[position] for name, column in columns.items()}
                yield _document(config, Location(file, version, row_group, row), values, fields)


def _between(rows: Sequence[int], low: int, high: int) -> list[int]:
    return [row for row in rows if low <= row < high]


def _batches(
    config: CorpusConfig, parquet: pq.ParquetFile, file: str, row_group: int, fields: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    source = config.source
    columns = list(dict.fromkeys([source.id_column, *source.text_columns, *fields]))
    group = parquet.metadata.row_group(row_group)
    row_bytes = max(1, group.total_byte_size // max(1, group.num_rows))
    size = max(1, min(BATCH_ROWS, BATCH_BYTES // row_bytes))
    try:
        yield from parquet.iter_batches(batch_size=size, row_groups=[row_group], columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise CorpusError(f"{file}, row group {row_group} cannot be read ({error}). Replace the file.") from error


def _document(config: CorpusConfig, location: Location, row: dict[str, Any], fields: Sequence[str]) -> Document:
    source = config.source
    raw_id = row[source.id_column]
    doc_id = None if raw_id is None else str(raw_id)
    whole = None if is_blank(source, row) else render(source, row)
    text = None if whole is None else whole[: source.max_text_chars]
    indexed = {name: row[name] for name in fields}
    return Document(
        location=location,
        id=doc_id,
        text=text,
        text_hash=None if text is None else hash_text(text),
        row_hash=hash_row(doc_id or "", text, indexed),
        chars=len(whole or ""),
        fields=indexed,
    )
