"""A look at Parquet files that no configuration names yet: their columns, what a sample of the rows is like, and whether the
values of a column are all different."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from sparse_index.addresses import public_address
from sparse_index.config.corpus import SourceConfig
from sparse_index.corpus.arrow_types import is_uuid
from sparse_index.corpus.columns import is_id_type
from sparse_index.corpus.dataset import data_set
from sparse_index.corpus.files import SourceFile, source_files
from sparse_index.corpus.logical import logical_type
from sparse_index.corpus.natural import readable_values
from sparse_index.corpus.parquet import parquet_file, reading
from sparse_index.corpus.scan import MAX_ID_BYTES
from sparse_index.corpus.schema import Typed, folded
from sparse_index.corpus.typed import decoded
from sparse_index.errors import ConfigError, CorpusError
from sparse_index.proposal.words import english_in, words_in
from sparse_index.store.files import Store
from sparse_index.store.sql import connect

SAMPLE_ROWS = 2_000
SAMPLE_FILES = 8
BATCH_BYTES = 32_000_000
BATCH_ROWS = 50_000
_IDS = pa.schema([("id", pa.string())])
_COUNT = f"""
    SELECT sum(times), sum(times) FILTER (id IS NULL OR id = '' OR strlen(id) > {MAX_ID_BYTES}), count(id),
           arg_max(id, times) FILTER (id IS NOT NULL), max(times) FILTER (id IS NOT NULL)
    FROM (SELECT id, count(*) AS times FROM ids GROUP BY id)"""
# Reading files asks a configuration for more than their address; none of this is looked at.
_UNDECIDED = {"id_column": "-", "text_template": "{-}"}


@dataclass(frozen=True)
class Seen:
    """One column. `kind`: its logical type in all files, None where their types do not go together. Of the sample: `filled` is
    the share of rows that have a value, `distinct` the share of those values that differ; of texts, `words`, `english` (those
    of them that English is full of) and `longest` (characters) are two averages and a maximum. `is_partition`: folders say it,
    of all rows of a file."""

    name: str
    kind: pa.DataType | None
    filled: float = 0.0
    distinct: float = 0.0
    words: float = 0.0
    english: float = 0.0
    longest: int = 0
    is_partition: bool = False


@dataclass(frozen=True)
class Look:
    """What is at an address: `files` with the types of their columns, `rows` of all of them, `columns` in order of appearance;
    `notes`: what was left out, in words."""

    source: SourceConfig
    files: tuple[SourceFile, ...]
    columns: tuple[Seen, ...]
    notes: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return public_address(self.source.uri)

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def typed(self) -> list[Typed]:
        return [Typed(file.uri, file.schema, file.valueless, file.guessed) for file in self.files]


@dataclass(frozen=True)
class Values:
    """The values of one column in all rows. `unusable`: null, empty, or too long for an id; `example`: one of those that come
    most often, `most` times."""

    rows: int
    unusable: int
    distinct: int
    example: str
    most: int

    @property
    def are_ids(self) -> bool:
        return self.distinct == self.rows and not self.unusable


def look_at(uri: str) -> Look:
    """CorpusError when there is nothing to read, ConfigError for columns that share a name."""
    source = SourceConfig(uri=uri, **_UNDECIDED)
    found = data_set(source, uri, remedy="Correct the address.")
    files = source_files(source, found)
    if not any(file.rows for file in files):
        raise CorpusError(f"{public_address(uri)} has no rows, so nothing can be proposed. Wait for the data.")
    twice = sorted({name for file in files for name, times in Counter(file.schema.names).items() if times > 1})
    if twice:
        raise ConfigError(
            f"{public_address(uri)} has columns of the same name: {', '.join(twice)}. Rename one of each."
        )
    names = list(dict.fromkeys(name for file in files for name in file.schema.names))
    sample = _sample(source, files)
    seen = (_seen(name, files, sample) for name in names)
    columns = tuple(replace(each, is_partition=each.name in found.types) for each in seen)
    return Look(source, tuple(files), columns, found.notes)


def _seen(name: str, files: Sequence[SourceFile], sample: Sequence[pa.RecordBatch]) -> Seen:
    kind = folded(file.schema.field(name).type for file in files if name in file.schema.names)
    arrays = [batch.column(name) for batch in sample if name in batch.schema.names]
    values = [value for array in arrays for value in readable_values(array) if value is not None]
    if kind is None or not values:
        return Seen(name, kind)
    texts = [value for value in values if isinstance(value, str)]
    return Seen(
        name,
        kind,
        filled=len(values) / sum(len(batch) for batch in sample),
        distinct=len(set(values)) / len(values),
        words=sum(map(words_in, texts)) / len(values),
        english=sum(map(english_in, texts)) / len(values),
        longest=max(map(len, texts), default=0),
    )


def _sample(source: SourceConfig, files: Sequence[SourceFile]) -> list[pa.RecordBatch]:
    """The first rows of some files that lie evenly among those that have rows; ids and texts only."""
    filled = [file for file in files if file.rows]
    chosen = filled[:: -(-len(filled) // SAMPLE_FILES)]
    return [next(_batches(source, file, _may_be_id_or_text, SAMPLE_ROWS // len(chosen))) for file in chosen]


def _may_be_id_or_text(column: pa.Field) -> bool:
    return is_id_type(logical_type(column.type))


def _batches(
    source: SourceConfig, file: SourceFile, wants: Callable[[pa.Field], bool], most_rows: int
) -> Iterator[pa.RecordBatch]:
    """Rows of the columns that are wanted, without encodings; as many at a time as their size allows."""
    address = source.with_secret(file.uri)
    with parquet_file(address) as parquet, reading(address):
        wanted = pa.schema([each for each in parquet.schema_arrow if wants(each)])
        groups = [number for number, count in enumerate(file.group_rows) if count]
        size = sum(parquet.metadata.row_group(number).total_byte_size for number in groups)
        rows = max(1, min(most_rows, BATCH_BYTES * file.rows // max(1, size)))
        yield from decoded(parquet.iter_batches(batch_size=rows, row_groups=groups, columns=wanted.names), wanted)


def values_of(look: Look, name: str) -> Values:
    """Those of a column in all rows of all files, as ids; a file without the column has nulls."""
    with tempfile.TemporaryDirectory() as folder, connect(Store(folder)) as con:
        con.register("ids", pa.RecordBatchReader.from_batches(_IDS, _ids(look, name)))
        row = con.execute(_COUNT).fetchone()
    rows, unusable, distinct, example, most = row or ()
    return Values(rows, unusable or 0, distinct, str(example), most or 0)


def _ids(look: Look, name: str) -> Iterator[pa.RecordBatch]:
    for file in look.files:
        if name not in file.schema.names:
            yield pa.record_batch([pa.nulls(file.rows, pa.string())], schema=_IDS)
            continue
        for batch in _batches(look.source, file, lambda each: each.name == name, BATCH_ROWS):
            yield pa.record_batch([_as_texts(batch.column(name))], schema=_IDS)


def _as_texts(array: pa.Array) -> pa.Array:
    return pa.array(readable_values(array), pa.string()) if is_uuid(array.type) else array.cast(pa.string())
