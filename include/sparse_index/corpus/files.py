"""The files of a corpus, what their footers say, and how they divide into shards. Reads metadata only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.columns import require_usable
from sparse_index.errors import CorpusError
from sparse_index.plan.model import Shard


@dataclass(frozen=True)
class CorpusFile:
    """`version` changes with the content; `group_rows` are the rows of each row group."""

    uri: str
    version: str
    group_rows: tuple[int, ...]
    schema: pa.Schema

    @property
    def rows(self) -> int:
        return sum(self.group_rows)


def corpus_files(uri: str) -> list[CorpusFile]:
    """Every file of the corpus, sorted by address; CorpusError for none, unreadable ones or differing schemas."""
    filesystem, path = fsspec.core.url_to_fs(uri)
    files = [_footer(filesystem, found) for found in _find(filesystem, path)]
    if not files:
        raise CorpusError(f"No Parquet file at {uri}. Correct `source.uri`, or wait until the corpus has arrived.")
    for file in files[1:]:
        _require_same_schema(files[0], file)
    return files


def plan_shards(config: CorpusConfig) -> list[Shard]:
    """Contiguous row groups in at most about `source.max_shards` shards (never fewer than there are files)."""
    files = corpus_files(config.source.uri)
    require_usable(config, files[0].schema)
    rows = sum(file.rows for file in files)
    if rows == 0:
        raise CorpusError(f"The corpus at {config.source.uri} has no rows. Nothing is changed; wait for the data.")
    target = max(1, -(-rows // config.source.max_shards))
    slices = (piece for file in files for piece in _slices(file, target))
    return [
        Shard(number=number, uri=file.uri, version=file.version, first_row_group=first, row_groups=count, rows=size)
        for number, (file, first, count, size) in enumerate(slices)
    ]


@contextmanager
def open_parquet(uri: str, version: str) -> Iterator[pq.ParquetFile]:
    """The file if it is still the one that was planned; CorpusError when it changed, is gone or is torn."""
    filesystem, path = fsspec.core.url_to_fs(uri)
    if not filesystem.exists(path) or file_version(filesystem, path) != version:
        raise CorpusError(f"{uri} changed or vanished while the build was running. Trigger a new run.")
    with filesystem.open(path, "rb") as stream:
        yield _parquet(stream, uri)


def file_version(filesystem: fsspec.AbstractFileSystem, path: str) -> str:
    """What identifies the content of a file: an ETag where there is one, else size, time and inode."""
    info = filesystem.info(path)
    if isinstance(filesystem, LocalFileSystem):
        return f"{info['size']}-{info['mtime']}-{info['ino']}"
    return str(info.get("ETag") or filesystem.ukey(path)).strip('"')


def _find(filesystem: fsspec.AbstractFileSystem, path: str) -> list[str]:
    if any(sign in path for sign in "*?["):
        found = filesystem.glob(path)
    elif filesystem.isdir(path):
        found = [name for name in filesystem.find(path) if name.endswith(".parquet")]
    else:
        found = [path] if filesystem.exists(path) else []
    return sorted(name for name in found if not name.rsplit("/", 1)[-1].startswith((".", "_")))


def _footer(filesystem: fsspec.AbstractFileSystem, path: str) -> CorpusFile:
    uri = path if isinstance(filesystem, LocalFileSystem) else filesystem.unstrip_protocol(path)
    version = file_version(filesystem, path)
    with filesystem.open(path, "rb") as stream:
        parquet = _parquet(stream, uri)
        groups = range(parquet.metadata.num_row_groups)
        rows = tuple(parquet.metadata.row_group(number).num_rows for number in groups)
        return CorpusFile(uri, version, rows, parquet.schema_arrow.remove_metadata())


def _parquet(stream: object, uri: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(stream)
    except (pa.ArrowInvalid, OSError) as error:
        raise CorpusError(f"{uri} is not a complete Parquet file ({error}). Replace or remove it.") from error


def _require_same_schema(first: CorpusFile, other: CorpusFile) -> None:
    here, there = ({field.name: field.type for field in file.schema} for file in (first, other))
    differing = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
    if differing:
        details = "; ".join(
            f"'{name}': {here.get(name, 'missing')} and {there.get(name, 'missing')}" for name in differing
        )
        raise CorpusError(f"The schemas of {first.uri} and {other.uri} differ: {details}. Write both alike.")


def _slices(file: CorpusFile, target_rows: int) -> Iterator[tuple[CorpusFile, int, int, int]]:
    """(file, first row group, how many, rows) with about `target_rows` rows each; files without rows give none."""
    first, rows = 0, 0
    for number, group in enumerate(file.group_rows):
        rows += group
        if rows >= target_rows or (number == len(file.group_rows) - 1 and rows):
            yield file, first, number - first + 1, rows
            first, rows = number + 1, 0
