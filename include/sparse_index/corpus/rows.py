"""Rows of a corpus as documents, in bounded memory: the one reader that scan, encode and index share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, repeat
from types import NoneType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sparse_index.config.corpus import CorpusConfig, SourceConfig
from sparse_index.config.template import columns_of
from sparse_index.corpus.as_json import Column, Convert
from sparse_index.corpus.batches import batches_of_rows, place_of_group
from sparse_index.corpus.columns import column_converters, indexed_columns
from sparse_index.corpus.dataset import partitions_of
from sparse_index.corpus.hashes import hash_rows, hash_texts
from sparse_index.corpus.natural import readable_values
from sparse_index.corpus.parquet import open_parquet
from sparse_index.corpus.partitions import Partitions, with_partition
from sparse_index.corpus.place import Place
from sparse_index.corpus.render import cut_texts, render_texts
from sparse_index.corpus.typed import typed
from sparse_index.errors import CorpusError


@dataclass(frozen=True)
class Document:
    """One row as it is encoded and indexed. `text` is cut at `max_text_chars`; None (and no hash) when it is blank.

    `id` None: the row has none. `chars`: length of the whole text. `fields`: the indexed columns as JSON values. `problem`:
    why the row cannot be a document of the index, because a value of it could not be kept. `own_texts`: of the vector fields
    that have a template of their own.
    """

    id: str | None
    text: str | None
    text_hash: str | None
    row_hash: str
    chars: int
    fields: dict[str, Any]
    problem: str | None = None
    own_texts: Mapping[str, str | None] = field(default_factory=dict)

    def text_of(self, vector_field: str) -> str | None:
        """What is encoded for a vector field."""
        return self.own_texts.get(vector_field, self.text)


@dataclass(frozen=True)
class DocumentBatch:
    """Some rows of one row group, as columns of one length: the fast form of `Document`.

    `deleted` is what the tombstone column says, `problems` those of the rows that have one (by number within the batch),
    `missing` how many values of a field are NaN and therefore null. `own_texts`: of each vector field that has a template of
    its own.
    """

    ids: list[str | None]
    texts: list[str | None]
    text_hashes: pa.StringArray
    row_hashes: pa.StringArray
    chars: list[int]
    deleted: list[bool]
    fields: dict[str, list[Any]]
    problems: Mapping[int, str]
    missing: dict[str, int]
    own_texts: dict[str, list[str | None]]

    def texts_of(self, vector_field: str) -> list[str | None]:
        """What is encoded for a vector field."""
        return self.own_texts.get(vector_field, self.texts)

    def __len__(self) -> int:
        return len(self.ids)


def batches_of_group(
    config: CorpusConfig,
    schema: pa.Schema,
    partitions: Partitions,
    parquet: pq.ParquetFile,
    file: str,
    row_group: int,
) -> Iterator[DocumentBatch]:
    """Every row of one row group, in order, in the types of `schema`; CorpusError naming file and row group when it cannot
    be read, or when a value would not stay what it is."""
    converters = column_converters(config, schema)
    for _, batch in batches_of_rows(parquet, config.source.with_secret(file), row_group, schema.names):
        yield _documents(config, _converted(converters, _whole(schema, partitions, batch, file, row_group)))


def documents_at(
    config: CorpusConfig, schema: pa.Schema, places: Iterable[Place], source_version: str | None = None
) -> Iterator[Document]:
    """The rows at `places`, which must be sorted by file, row group and row, in the types of `schema`; of a table,
    those of `source_version`."""
    for _, columns in _columns_at(config, schema, places, source_version):
        yield from _single(_documents(config, columns))


def texts_at(
    config: CorpusConfig,
    schema: pa.Schema,
    places: Iterable[Place],
    templates: Collection[str],
    source_version: str | None = None,
) -> Iterator[tuple[str | None, dict[str, str | None]]]:
    """The id and, by template, the texts of the rows at `places` (sorted likewise), as `documents_at` gives them; no column is
    read that these do not need."""
    source = config.source
    names = dict.fromkeys([source.id_column, *chain.from_iterable(map(columns_of, templates))])
    for _, columns in _columns_at(config, pa.schema([schema.field(name) for name in names]), places, source_version):
        values = {name: column.values for name, column in columns.items()}
        texts = [cut_texts(source, render_texts(template, values)) for template in templates]
        of_rows = (dict(zip(templates, of_row, strict=True)) for of_row in zip(*texts, strict=True))
        yield from zip(_ids(source, values), of_rows, strict=True)


def _columns_at(
    config: CorpusConfig, schema: pa.Schema, places: Iterable[Place], source_version: str | None
) -> Iterator[tuple[list[Place], dict[str, Column]]]:
    converters = column_converters(config, schema)
    partitions = partitions_of(config.source, source_version)
    for here, batch in _batches_at(config, places, schema.names):
        yield here, _converted(converters, _whole(schema, partitions, batch, here[0].file, here[0].row_group))


def _converted(converters: Mapping[str, Convert], batch: pa.RecordBatch) -> dict[str, Column]:
    return {name: convert(batch.column(name)) for name, convert in converters.items()}


def _ids(source: SourceConfig, values: Mapping[str, list[Any]]) -> list[str | None]:
    ids = values[source.id_column]
    return ids if set(map(type, ids)) <= {str, NoneType} else [None if id_ is None else str(id_) for id_ in ids]


def not_as_planned(place: Place, document_id: str | None, found: str) -> CorpusError:
    """The error for a row that is another one now; `found`: "not the row"."""
    return CorpusError(
        f"{place_of_group(place.file, place.row_group)}, row {place.row} (id {document_id}): {found} that was planned; the file "
        "changed while the build was running. Trigger a new run."
    )


def _whole(
    schema: pa.Schema, partitions: Partitions, batch: pa.RecordBatch, file: str, row_group: int
) -> pa.RecordBatch:
    """The columns of the corpus for some rows of a file: its own in the corpus' types, and those of its partition."""
    place = place_of_group(file, row_group)
    return with_partition(typed(batch, schema, place), batch.schema.names, partitions(file), place)


def source_rows_at(
    config: CorpusConfig, places: Iterable[Place], source_version: str | None = None
) -> Iterator[dict[str, Any]]:
    """The rows at `places` (sorted likewise) with all columns, whatever their type: for a person, not for an index."""
    partitions = partitions_of(config.source, source_version)
    for here, batch in _batches_at(config, places):
        columns = [readable_values(column) for column in batch.columns]
        partition = partitions(here[0].file)
        yield from (
            {**partition, **dict(zip(batch.schema.names, values, strict=True))} for values in zip(*columns, strict=True)
        )


_At = tuple[list[Place], pa.RecordBatch]


def _batches_at(config: CorpusConfig, places: Iterable[Place], columns: Sequence[str] | None = None) -> Iterator[_At]:
    """`columns` (those that a file has; None: all) of the rows at `places`, some at a time."""
    for (file, version), of_file in groupby(places, key=lambda at: (at.file, at.file_version)):
        address = config.source.with_secret(file)
        with open_parquet(address, version) as parquet:
            for row_group, of_group in groupby(of_file, key=lambda at: at.row_group):
                yield from _batches_of(batches_of_rows(parquet, address, row_group, columns), of_group)


def _batches_of(batches: Iterator[tuple[int, pa.RecordBatch]], wanted: Iterator[Place]) -> Iterator[_At]:
    """Never all of `wanted` at once: a row group may have a million rows."""
    at = next(wanted, None)
    for first, batch in batches:
        here: list[Place] = []
        while at is not None and at.row < first + len(batch):
            here.append(at)
            at = next(wanted, None)
        if here:
            yield here, batch.take(pa.array([place.row - first for place in here]))
        if at is None:
            return


def _single(batch: DocumentBatch) -> Iterator[Document]:
    columns = batch.ids, batch.texts, batch.text_hashes.to_pylist(), batch.row_hashes.to_pylist(), batch.chars
    fields, own_texts = _by_row(batch.fields, len(batch)), _by_row(batch.own_texts, len(batch))
    problems = map(batch.problems.get, range(len(batch)))
    yield from map(Document, *columns, fields, problems, own_texts)


def _by_row(columns: Mapping[str, list[Any]], rows: int) -> Iterable[dict[str, Any]]:
    """A dictionary a row."""
    if not columns:
        return ({} for _ in range(rows))
    return (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))


def _documents(config: CorpusConfig, columns: Mapping[str, Column]) -> DocumentBatch:
    source = config.source
    values = {name: column.values for name, column in columns.items()}
    indexed = {name: columns[name] for name in indexed_columns(config, list(columns))}
    ids, whole = _ids(source, values), render_texts(source.text_template, values)
    texts = cut_texts(source, whole)
    fields = {name: column.values for name, column in indexed.items()}
    problems = _problems(indexed | {name: columns[name] for name in config.text_columns})
    deleted = values[source.deleted_column] if source.deleted_column else repeat(False, len(ids))
    return DocumentBatch(
        ids=ids,
        texts=texts,
        text_hashes=hash_texts(texts),
        row_hashes=hash_rows(ids, texts, fields, problems),
        chars=list(map(len, whole)),
        deleted=[flag is True for flag in deleted],
        fields=fields,
        problems=problems,
        missing={name: column.missing for name, column in indexed.items() if column.missing},
        own_texts=_own_texts(config, values),
    )


def _own_texts(config: CorpusConfig, values: Mapping[str, Sequence[Any]]) -> dict[str, list[str | None]]:
    templates = {name: field.text for name, field in config.vector_fields.items() if field.text is not None}
    return {name: cut_texts(config.source, render_texts(template, values)) for name, template in templates.items()}


def _problems(columns: Mapping[str, Column]) -> dict[int, str]:
    """For rows with values that could not be kept, what is wrong with the first one, by number of the row."""
    found: dict[int, str] = {}
    for name, column in columns.items():
        for row, reason in column.problems.items():
            found.setdefault(row, f"'{name}': {reason}")
    return dict(sorted(found.items()))
