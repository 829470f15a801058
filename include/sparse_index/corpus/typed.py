"""Rows of a file in the types that were decided for the corpus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from sparse_index.corpus.arrow_types import is_list
from sparse_index.corpus.logical import common_type, decoded_type, logical_type
from sparse_index.errors import CorpusError


def decoded(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The same rows, all of `schema`, without encodings; Arrow can do less with dictionaries and views."""
    plain = pa.schema([(field.name, decoded_type(field.type)) for field in schema])
    yield from batches if plain.types == schema.types else (batch.cast(plain) for batch in batches)


def typed(batch: pa.RecordBatch, schema: pa.Schema, place: str) -> pa.RecordBatch:
    """The columns of `schema` of a decoded batch in its logical types: null where the file has no such column.

    CorpusError naming `place`, column and both types when a value would not stay what it is.
    """
    arrays = [
        _typed(batch.column(field.name), field, place)
        if field.name in batch.schema.names
        else pa.nulls(len(batch), field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, names=schema.names)


def _typed(array: pa.Array, field: pa.Field, place: str) -> pa.Array:
    if array.type == field.type:
        return array
    if array.null_count == len(array):
        return pa.nulls(len(array), field.type)
    if common_type(field.type, logical_type(array.type)) != field.type:
        raise CorpusError(
            f"{place}: column '{field.name}' is {array.type} here and {field.type} in the corpus, which cannot hold it. "
            "Write the file with the type of the others."
        )
    try:
        return array.cast(_read_as(array.type, field.type))
    except pa.ArrowInvalid as error:
        raise CorpusError(
            f"{place}: column '{field.name}' is {array.type} here and {field.type} in the corpus, and a value does not stay "
            f"what it is ({error}). Write all files with one type that holds every value."
        ) from error


def _read_as(kind: pa.DataType, decided: pa.DataType) -> pa.DataType:
    """`decided`, but an instant keeps the unit of its file: no other one has the range of all."""
    if is_list(kind) and is_list(decided):
        return pa.list_(_read_as(kind.value_type, decided.value_type))
    if pa.types.is_struct(kind) and pa.types.is_struct(decided):
        mine = {field.name: field.type for field in kind}
        return pa.struct([(each.name, _read_as(mine.get(each.name, each.type), each.type)) for each in decided])
    if pa.types.is_map(kind) and pa.types.is_map(decided):
        return pa.map_(decided.key_type, _read_as(kind.item_type, decided.item_type))
    if not pa.types.is_timestamp(decided):
        return decided
    if pa.types.is_timestamp(kind):
        return kind
    return pa.timestamp("s", tz=decided.tz) if pa.types.is_date(kind) else decided
