"""Whether a corpus has the columns its configuration names, all problems in one message."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.values import field_mapping, plain_type
from sparse_index.errors import ConfigError


def indexed_columns(config: CorpusConfig, schema: pa.Schema) -> list[str]:
    """The columns that become typed fields: those configured, else all."""
    return list(config.source.columns) if config.source.columns is not None else list(schema.names)


def require_usable(config: CorpusConfig, schema: pa.Schema) -> None:
    """ConfigError that names every column which is missing or of a type that cannot be used."""
    problems = list(_problems(config, schema))
    if problems:
        raise ConfigError(f"The corpus of '{config.alias}' does not fit its configuration: " + "; ".join(problems))


def _problems(config: CorpusConfig, schema: pa.Schema) -> Iterator[str]:
    source = config.source
    columns = indexed_columns(config, schema)
    wanted = list(dict.fromkeys([source.id_column, *source.text_columns, *columns]))
    missing = [name for name in wanted if name not in schema.names]
    if missing:
        yield f"missing columns {', '.join(missing)} (there are {', '.join(schema.names)})"
    if config.index.vector_field in columns:
        yield f"column '{config.index.vector_field}' has the name of index.vector_field: rename one"
    if source.id_column in schema.names and not _is_id(schema.field(source.id_column).type):
        yield f"id column '{source.id_column}' is {schema.field(source.id_column).type}: it must be text or integer"
    for name in (name for name in wanted if name in schema.names):
        yield from _type_problem(name, schema.field(name).type, in_template=name in source.text_columns)


def _is_id(kind: pa.DataType) -> bool:
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_integer(plain))


def _type_problem(name: str, kind: pa.DataType, *, in_template: bool) -> Iterator[str]:
    try:
        field_mapping(kind)
    except ConfigError as error:
        yield f"column '{name}': {error.message}"
        return
    if in_template and plain_type(kind) != kind and not pa.types.is_dictionary(kind):
        yield f"column '{name}' is {kind}: a text template takes single values only"
