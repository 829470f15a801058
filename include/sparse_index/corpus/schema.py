"""One schema for all files of a corpus."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from sparse_index.corpus.values import is_bytes, is_list, is_text, is_uuid
from sparse_index.errors import CorpusError


def common_schema(files: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
    """The schema of all files, given as (address, schema); CorpusError naming two files and each differing column.

    The order of columns, dictionary encoding and the width of offsets do not count; a column without any
    value in one file has the type that it has in the others.
    """
    first, schema = files[0]
    kinds = {field.name: logical_type(field.type) for field in schema}
    origin = dict.fromkeys(kinds, first)
    for uri, other in files[1:]:
        theirs = {field.name: logical_type(field.type) for field in other}
        _require_same(kinds, theirs, origin, uri)
        typed = {name: kind for name, kind in theirs.items() if pa.types.is_null(kinds[name])}
        kinds |= typed
        origin |= dict.fromkeys(typed, uri)
    return pa.schema([(field.name, kinds[field.name]) for field in schema])


def logical_type(kind: pa.DataType) -> pa.DataType:
    """The type without its storage: dictionaries decoded, strings, bytes and lists of one kind each, within structs too."""
    if pa.types.is_dictionary(kind):
        return logical_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return kind if is_uuid(kind) else logical_type(kind.storage_type)
    if is_list(kind):
        return pa.list_(logical_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(child.name, logical_type(child.type)) for child in kind])
    if pa.types.is_map(kind):
        return pa.map_(logical_type(kind.key_type), logical_type(kind.item_type))
    if is_bytes(kind):
        return pa.binary()
    return pa.string() if is_text(kind) else kind


def decoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows with logical types only; Arrow can do less with dictionaries and views."""
    return batch.cast(pa.schema([(field.name, logical_type(field.type)) for field in batch.schema]))


def _require_same(
    kinds: dict[str, pa.DataType], theirs: dict[str, pa.DataType], origin: dict[str, str], uri: str
) -> None:
    differing = sorted(name for name in kinds.keys() | theirs.keys() if not _same(kinds.get(name), theirs.get(name)))
    if differing:
        first = origin.get(differing[0]) or next(iter(origin.values()))
        details = "; ".join(
            f"'{name}': {kinds.get(name, 'missing')} and {theirs.get(name, 'missing')}" for name in differing
        )
        raise CorpusError(f"The schemas of {first} and {uri} differ: {details}. Write both alike.")


def _same(one: pa.DataType | None, other: pa.DataType | None) -> bool:
    if one is None or other is None:
        return False
    return bool(one == other or pa.types.is_null(one) or pa.types.is_null(other))
