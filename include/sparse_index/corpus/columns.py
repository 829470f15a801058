"""Whether a corpus has the columns its configuration names, all problems in one message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.field_names import name_problem
from sparse_index.corpus.values import field_mapping, is_list, is_text
from sparse_index.errors import ConfigError


def indexed_columns(config: CorpusConfig, names: Sequence[str]) -> list[str]:
    """Which of the columns become typed fields: those configured, else all but the tombstone."""
    if config.source.columns is not None:
        return list(config.source.columns)
    return [name for name in names if name != config.source.deleted_column]


def read_columns(config: CorpusConfig, names: Sequence[str]) -> list[str]:
    """Every column that is needed to make documents."""
    source = config.source
    tombstone = [source.deleted_column] if source.deleted_column else []
    return list(dict.fromkeys([source.id_column, *source.text_columns, *tombstone, *indexed_columns(config, names)]))


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
    if config.index.vector_field in indexed_columns(config, schema.names):
        yield f"column '{config.index.vector_field}' has the name of index.vector_field: rename one"
    for name in indexed_columns(config, schema.names):
        problem = name_problem(name)
        if problem is not None:
            yield f"column {problem} (in the corpus), or leave it out of `source.columns`"
    for name in wanted:
        if name in schema.names:
            yield from _type_problems(config, name, schema.field(name).type)


def _type_problems(config: CorpusConfig, name: str, kind: pa.DataType) -> Iterator[str]:
    source = config.source
    if name == source.id_column and not (is_text(kind) or pa.types.is_integer(kind)):
        yield f"id column '{name}' is {kind}: it must be text or integer"
        return
    if name == source.deleted_column:
        # A day on which nothing is deleted may have no value there at all.
        if not (pa.types.is_boolean(kind) or pa.types.is_null(kind)):
            yield f"source.deleted_column '{name}' is {kind}: it must be bool"
        return
    if name in source.text_columns and is_list(kind):
        yield f"column '{name}' is {kind}: a text template takes single values only"
        return
    try:
        field_mapping(kind)
    except ConfigError as error:
        yield f"column '{name}': {error.message}"
