"""One type for each column, in all files of a run and in the index that lives already: decided once, kept in the store."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import orjson
import pyarrow as pa

from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.arrow_types import is_text
from sparse_index.corpus.columns import column_problems, read_columns, refuse
from sparse_index.corpus.declared import takes_any_text
from sparse_index.corpus.logical import common_type, decoded_type, is_untyped, logical_type
from sparse_index.errors import BuildError, CorpusError
from sparse_index.forms import Form
from sparse_index.store.files import Store
from sparse_index.store.layout import schemas_folder

MOST_NOTES = 10


@dataclass(frozen=True)
class Typed:
    """Columns as one file or the live index has them; `name` says which, in words. Of the `valueless` ones it has no value:
    their type binds nobody. The `guessed` ones are text of folders, whatever their type."""

    name: str
    schema: pa.Schema
    valueless: Collection[str] = ()
    guessed: Collection[str] = ()


@dataclass(frozen=True)
class CorpusSchema:
    """The columns that a run reads, with the logical type that each has in every file. Of the `valueless` ones nobody has
    seen a value yet. `notes`: what was widened, filled with null or left out, in words."""

    schema: pa.Schema
    valueless: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def identity(self) -> list[list[str]]:
        """Equal only for schemas that make equal documents; the order of columns, in which files are read, is a part of it."""
        return [[each.name, str(each.type)] for each in self.schema]


@dataclass
class _Column:
    """A column of the files: each type as written with the files that have it; those without any value of it are in
    `empty`. `known`: its type in the live index, and that index in words."""

    name: str
    files: dict[pa.DataType, list[str]] = field(default_factory=dict)
    empty: dict[pa.DataType, list[str]] = field(default_factory=dict)
    known: tuple[pa.DataType, str] | None = None

    @property
    def sources(self) -> list[tuple[pa.DataType, str]]:
        """(Type, where): the live index first."""
        written = [(kind, files[0]) for kind, files in self.files.items()]
        return written if self.known is None else [self.known, *written]

    @property
    def files_with_it(self) -> int:
        """How many files have the column."""
        return sum(len(names) for kinds in (self.files, self.empty) for names in kinds.values())

    def decided(self) -> pa.DataType | None:
        """The type that holds all of them; None when there is none. Without any value: a type that was written."""
        decided = folded(kind for kind, _ in self.sources)
        if decided is None or not is_untyped(decided):
            return decided
        written = (logical_type(kind) for kind in self.empty)
        return next((kind for kind in written if not is_untyped(kind)), decided)

    def clash(self) -> str:
        opposed = (pair for pair in combinations(self.sources, 2) if _common(pair) is None)
        (one, here), (other, there) = next(opposed, (self.sources[0], self.sources[-1]))
        return f"column '{self.name}' is {decoded_type(one)} in {here} and {decoded_type(other)} in {there}"


def folded(kinds: Iterable[pa.DataType]) -> pa.DataType | None:
    decided: pa.DataType | None = pa.null()
    for kind in kinds:
        decided = None if decided is None else common_type(decided, logical_type(kind))
    return decided


def _common(pair: tuple[tuple[pa.DataType, str], tuple[pa.DataType, str]]) -> pa.DataType | None:
    return common_type(logical_type(pair[0][0]), logical_type(pair[1][0]))


def decide(config: CorpusConfig, files: Sequence[Typed], live: Typed | None, *, anew: bool) -> CorpusSchema:
    """The one type of each column that the documents need; other columns may be as they like.

    `anew`: the types of the live index count only for columns without any value. ConfigError: every column that is
    missing or cannot be used; CorpusError: every one whose types do not go together.
    """
    columns = _columns(config, files, live, anew=anew)
    decided = {name: columns[name].decided() for name in read_columns(config, list(columns)) if name in columns}
    _require_together(config, [columns[name] for name, kind in decided.items() if kind is None])
    tombstone = config.source.deleted_column
    fields = [(name, pa.bool_() if name == tombstone and is_untyped(kind) else kind) for name, kind in decided.items()]
    left_out = {name for name, kind in fields if is_untyped(kind) and _may_be_left_out(config, name)}
    schema = pa.schema([(name, kind) for name, kind in fields if name not in left_out])
    refuse(config, [*_file_problems(config, files), *column_problems(config, schema, list(columns))])
    valueless = tuple(name for name in schema.names if not columns[name].sources)
    return CorpusSchema(schema, valueless, _bounded(list(_notes(columns, schema, left_out, len(files)))))


def _columns(config: CorpusConfig, files: Sequence[Typed], live: Typed | None, *, anew: bool) -> dict[str, _Column]:
    """Every column of the files, in order of appearance, and those of the live index that the configuration lists."""
    columns: dict[str, _Column] = {}
    texts = {name for name, each in config.index.fields.items() if takes_any_text(each)}
    if live is not None and not anew:
        texts |= {each.name for each in live.schema if is_text(each.type)}
    for file in files:
        for each in file.schema:
            column = columns.setdefault(each.name, _Column(each.name))
            kind = pa.string() if each.name in texts.intersection(file.guessed) else each.type
            kinds = column.empty if each.name in file.valueless or is_untyped(decoded_type(kind)) else column.files
            kinds.setdefault(kind, []).append(file.name)
    if live is not None:
        _add_known(config, columns, live, anew=anew)
    return columns


def _add_known(config: CorpusConfig, columns: dict[str, _Column], live: Typed, *, anew: bool) -> None:
    for each in live.schema:
        if each.name not in columns and not _may_be_missing(config, each.name):
            continue
        column = columns.setdefault(each.name, _Column(each.name))
        if each.name in live.valueless:
            column.empty = {each.type: [], **column.empty}
        elif not (anew and column.files):
            column.known = (each.type, live.name)


def _may_be_missing(config: CorpusConfig, name: str) -> bool:
    """A field that no file of a run has is null there; id, text and tombstone are needed."""
    source = config.source
    return name in (source.columns or []) and name not in {
        source.id_column,
        source.deleted_column,
        *config.text_columns,
    }


def _may_be_left_out(config: CorpusConfig, name: str) -> bool:
    """A column that nobody named, and whose type nobody knows."""
    return config.source.columns is None and name not in {config.source.id_column, *config.text_columns}


def _require_together(config: CorpusConfig, opposed: Sequence[_Column]) -> None:
    if not opposed:
        return
    lines = "".join(f"\n  - {column.clash()}" for column in opposed)
    replaces = config.kind == "snapshot" and any(column.known for column in opposed)
    anew = " Where the new type is wanted, run once with mode full." if replaces else ""
    raise CorpusError(
        f"Types of '{config.alias}' that do not go together (no type holds the values of both):{lines}\n"
        f"Nothing was changed. Write the files with one type (of a partition: say it in `source.partition_types`), or leave the "
        f"column out of `source.columns`.{anew}"
    )


def _file_problems(config: CorpusConfig, files: Sequence[Typed]) -> Iterator[str]:
    twice = {name for file in files for name, times in Counter(file.schema.names).items() if times > 1}
    if twice:
        yield f"columns of the same name: {', '.join(sorted(twice))}; rename all but one of each"
    without = [file.name for file in files if config.source.id_column not in file.schema.names]
    if 0 < len(without) < len(files):
        yield f"id column '{config.source.id_column}' is missing in {_several(without)}"


def _notes(columns: Mapping[str, _Column], schema: pa.Schema, left_out: set[str], files: int) -> Iterator[str]:
    for each in schema:
        column = columns[each.name]
        yield from _widened(column, each.type)
        missing = files - column.files_with_it
        if missing:
            yield f"column '{each.name}' is missing in {missing} of {files} files: null there"
    yield from (
        f"column '{name}' has no value in any file and is left out until it has one" for name in sorted(left_out)
    )
    for name in sorted(columns.keys() - set(schema.names) - left_out):
        if len(columns[name].files) > 1 or columns[name].files_with_it < files:
            yield f"column '{name}' is not the same in all files; nothing needs it, so it is passed over"


def _widened(column: _Column, decided: pa.DataType) -> Iterator[str]:
    for kind, names in column.files.items():
        if logical_type(kind) != decided:
            yield f"column '{column.name}' is {decoded_type(kind)} in {_several(names)} and read as {decided}"
    if column.known is not None and column.known[0] != decided:
        yield f"column '{column.name}' is {column.known[0]} in {column.known[1]} and becomes {decided}"


def _several(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _bounded(notes: Sequence[str]) -> tuple[str, ...]:
    more = len(notes) - MOST_NOTES
    return (*notes[:MOST_NOTES], *([f"{more} more columns differ likewise"] if more > 0 else []))


SCHEMA = Form(dict[str, Any], "a decided schema", "Trigger a new run.")


def save_schema(store: Store, alias: str, decided: CorpusSchema) -> str:
    """Keep the schema under its content; gives the path."""
    content = {
        "columns": dict(decided.identity),
        "arrow": base64.b64encode(decided.schema.serialize()).decode(),
        "valueless": decided.valueless,
        "notes": decided.notes,
    }
    digest = hashlib.sha256(orjson.dumps([decided.identity, decided.valueless, decided.notes])).hexdigest()[:32]
    path = f"{schemas_folder(alias)}/{digest}.json"
    if not store.exists(path):
        SCHEMA.save(store, path, content)
    return path


def load_schema(store: Store, path: str | None) -> CorpusSchema:
    """BuildError without a path: the build was planned by a version that knew no schema."""
    if not path:
        raise BuildError("This build was planned by a former version of the package. Trigger a new run.")
    content = SCHEMA.load(store, path)
    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(content["arrow"])))
    return CorpusSchema(schema, tuple(content.get("valueless", ())), tuple(content.get("notes", ())))
