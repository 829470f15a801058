"""Whether a corpus has the columns its configuration names, all problems in one message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.field_names import name_problem
from sparse_index.config.fields import FieldMapping, without_column
from sparse_index.corpus.arrow_types import is_list, is_text, is_uuid
from sparse_index.corpus.as_json import Convert
from sparse_index.corpus.fields import converter_of, mapping_of
from sparse_index.corpus.natural import natural
from sparse_index.errors import ConfigError

_ID: FieldMapping = {"type": "keyword", "ignore_above": 512}


def indexed_columns(config: CorpusConfig, names: Sequence[str]) -> list[str]:
    """Which of the columns become typed fields: those configured, else all but the tombstone."""
    if config.source.columns is not None:
        return list(config.source.columns)
    return [name for name in names if name != config.source.deleted_column]


def read_columns(config: CorpusConfig, names: Sequence[str]) -> list[str]:
    """Every column that is needed to make documents."""
    source = config.source
    tombstone = [source.deleted_column] if source.deleted_column else []
    return list(dict.fromkeys([source.id_column, *config.text_columns, *tombstone, *indexed_columns(config, names)]))


def column_fields(config: CorpusConfig, schema: pa.Schema) -> dict[str, FieldMapping]:
    """The field of each indexed column of a schema of logical types, and those that need no column; ConfigError for a column
    that cannot have any."""
    columns = {name: _field(config, name, schema.field(name).type) for name in indexed_columns(config, schema.names)}
    return {name: config.index.fields[name] for name in sorted(without_column(config.index.fields))} | columns


def _field(config: CorpusConfig, name: str, kind: pa.DataType) -> FieldMapping:
    declared = config.index.fields.get(name)
    if name == config.source.id_column and (declared is not None or is_text(kind)):
        return _ID | (declared or {})
    return mapping_of(kind, declared)


def column_converters(config: CorpusConfig, schema: pa.Schema) -> dict[str, Convert]:
    """How the values of each column of `schema` (those that are read, of logical types) become JSON."""
    fields = {*indexed_columns(config, schema.names), *config.index.fields} - {config.source.deleted_column}
    return {
        column.name: converter_of(column.type, config.index.fields.get(column.name))
        if column.name in fields
        else natural(column.type)
        for column in schema
    }


def require_usable(config: CorpusConfig, schema: pa.Schema) -> None:
    """ConfigError that names every column which is missing or of a type that cannot be used."""
    refuse(config, column_problems(config, schema, schema.names))


def refuse(config: CorpusConfig, problems: Iterable[str]) -> None:
    """ConfigError with all problems, if there are any."""
    lines = "".join(f"\n  - {problem}" for problem in problems)
    if lines:
        raise ConfigError(f"The corpus of '{config.alias}' does not fit its configuration:{lines}")


def column_problems(config: CorpusConfig, schema: pa.Schema, there: Sequence[str]) -> Iterator[str]:
    """What is wrong with the columns of `schema`, those that are needed and typed; `there`: every column of the files."""
    wanted = read_columns(config, schema.names)
    missing = [name for name in wanted if name not in schema.names]
    if missing:
        yield f"missing columns {', '.join(missing)} (there are {', '.join(there)})"
    idle = sorted(config.index.fields.keys() - set(wanted) - without_column(config.index.fields))
    if idle:
        yield f"index.fields names {', '.join(idle)}: no column of these names is indexed or in the text template"
    for name in indexed_columns(config, schema.names):
        if name in config.vector_fields:
            yield f"column '{name}' has the name of a vector field: rename one of them, or leave it out of `source.columns`"
        problem = name_problem(name)
        if problem is not None:
            yield f"column {problem} (in the corpus), or leave it out of `source.columns`"
    for name in wanted:
        if name in schema.names:
            yield from _type_problems(config, name, schema.field(name).type)


def _type_problems(config: CorpusConfig, name: str, kind: pa.DataType) -> Iterator[str]:
    source, declared = config.source, config.index.fields.get(name)
    if name == source.id_column and declared is None and not is_id_type(kind):
        yield f"id column '{name}' is {kind}: it must be text or integer, or `index.fields` must make it a keyword"
        return
    if name == source.deleted_column:
        # A day on which nothing is deleted may have no value there at all.
        if not (pa.types.is_boolean(kind) or pa.types.is_null(kind)):
            yield f"source.deleted_column '{name}' is {kind}: it must be bool"
        return
    if name in {source.id_column, *config.text_columns} and _holds_many(kind):
        yield f"column '{name}' is {kind}: a text template and an id take single values only"
        return
    try:
        mapping_of(kind, declared)
    except ConfigError as error:
        yield f"column '{name}': {error.message}"


def is_id_type(kind: pa.DataType) -> bool:
    """Whether values of a logical type can be ids as they are."""
    return bool(is_text(kind) or pa.types.is_integer(kind) or is_uuid(kind))


def _holds_many(kind: pa.DataType) -> bool:
    return bool(is_list(kind) or pa.types.is_struct(kind) or pa.types.is_map(kind))
