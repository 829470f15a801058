"""The files of a corpus: what their footers say, and how they divide into shards. Reads metadata only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa

from sparse_index.config.corpus import SourceConfig
from sparse_index.corpus.dataset import DataSet, data_set
from sparse_index.corpus.parquet import file_version, joint_version, parquet_file
from sparse_index.corpus.shards import Shard
from sparse_index.corpus.statistics import valueless
from sparse_index.corpus.table import DataFile
from sparse_index.errors import CorpusError

FOOTERS_AT_ONCE = 8


@dataclass(frozen=True)
class SourceFile:
    """`version` changes with the content; `group_rows` are the rows of each row group, `schema` has its columns, those of
    its partition too (the types of `guessed` are guesses), `valueless` are columns of which the footer says that they hold
    nothing but null."""

    uri: str
    version: str
    group_rows: tuple[int, ...]
    schema: pa.Schema
    valueless: frozenset[str] = frozenset()
    guessed: frozenset[str] = frozenset()

    @property
    def rows(self) -> int:
        return sum(self.group_rows)


@dataclass(frozen=True)
class ShardFile:
    """What a shard reads of one file; `row_groups` None: all of them."""

    uri: str
    version: str
    row_groups: range | None


def source_files(source: SourceConfig, found: DataSet) -> list[SourceFile]:
    """What the footers of all files say; CorpusError for one that cannot be read."""
    with ThreadPoolExecutor(FOOTERS_AT_ONCE) as pool:
        return list(_sharing(pool.map(partial(_footer, source, found), found.files)))


def _sharing(files: Iterable[SourceFile]) -> Iterator[SourceFile]:
    """Equal schemas as one value: 10,000 of 200 columns would need more memory than a worker has."""
    schemas: dict[pa.Schema, pa.Schema] = {}
    for file in files:
        yield replace(file, schema=schemas.setdefault(file.schema, file.schema))


def even_shards(files: Sequence[SourceFile], max_shards: int) -> list[Shard]:
    """Row groups as about `max_shards` even shards: a part of a large file, or some small files each."""
    rows = sum(file.rows for file in files)
    shards = _even(files, -(-rows // max_shards)) if rows else [_empty(files[0])]
    return [shard.model_copy(update={"number": number}) for number, shard in enumerate(shards)]


def shard_files(source: SourceConfig, shard: Shard) -> list[ShardFile]:
    """The files of a shard; CorpusError when they are no longer those of the plan."""
    if shard.files == 1:
        groups = range(shard.first_row_group, shard.first_row_group + shard.row_groups)
        return [ShardFile(shard.uri, shard.version, groups)]
    found = data_set(source, source.with_secret(shard.corpus), version=shard.source_version)
    addresses = [file.uri for file in found.files]
    first = addresses.index(shard.uri) if shard.uri in addresses else len(addresses)
    chosen = [(uri, file_version(source.with_secret(uri))) for uri in addresses[first : first + shard.files]]
    if joint_version(f"{uri} {version}" for uri, version in chosen) != shard.version:
        raise CorpusError(f"Files at {shard.corpus} changed while the build was running. Trigger a new run.")
    return [ShardFile(uri, version, None) for uri, version in chosen]


def _footer(source: SourceConfig, found: DataSet, file: DataFile) -> SourceFile:
    uri = source.with_secret(file.uri)
    version = file_version(uri)
    with parquet_file(uri, unseen=True) as parquet:
        groups = range(parquet.metadata.num_row_groups)
        rows = tuple(parquet.metadata.row_group(number).num_rows for number in groups)
        columns = found.columns_of(file, parquet.schema_arrow)
        guessed = found.guessed - set(parquet.schema_arrow.names)
        return SourceFile(file.uri, version, rows, columns, valueless(parquet.metadata), guessed)


def _even(files: Sequence[SourceFile], target_rows: int) -> Iterator[Shard]:
    for together in _together(files, target_rows):
        yield from _shards(together, target_rows)


def _empty(file: SourceFile) -> Shard:
    """Stands for all files of a corpus without rows, so that there is something to scan."""
    return _shard(file.uri, file.version, 0, 0, 0, 1)


def _together(files: Sequence[SourceFile], target_rows: int) -> Iterator[list[SourceFile]]:
    """Neighbouring small files that make a shard together; a file that is large enough comes alone."""
    group: list[SourceFile] = []
    for file in files:
        if group and (file.rows >= target_rows or sum(each.rows for each in group) >= target_rows):
            yield group
            group = []
        group.append(file)
    yield group


def _shards(files: Sequence[SourceFile], target_rows: int) -> Iterator[Shard]:
    if len(files) > 1:
        version = joint_version(f"{file.uri} {file.version}" for file in files)
        groups, rows = sum(len(file.group_rows) for file in files), sum(file.rows for file in files)
        yield _shard(files[0].uri, version, 0, groups, rows, len(files))
        return
    file, first, rows = files[0], 0, 0
    for number, group in enumerate(file.group_rows):
        rows += group
        if rows >= target_rows or (number == len(file.group_rows) - 1 and rows):
            yield _shard(file.uri, file.version, first, number - first + 1, rows, 1)
            first, rows = number + 1, 0


def _shard(uri: str, version: str, first: int, groups: int, rows: int, files: int) -> Shard:
    return Shard(number=0, uri=uri, version=version, first_row_group=first, row_groups=groups, rows=rows, files=files)
