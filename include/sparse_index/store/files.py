"""The store: manifests, plans, vectors, dead letters and receipts under one fsspec address.

A file that exists is complete: local files are written under a temporary name and moved, object stores take one
request. Nothing is ever changed in place, but when documents are to be forgotten: then files are replaced.
What lies where: `store/layout`.
"""

from __future__ import annotations

import os
import posixpath
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import orjson
from fsspec.implementations.local import LocalFileSystem

from sparse_index.addresses import public_address, showable
from sparse_index.errors import ConfigError
from sparse_index.store.asked_once import asked_once
from sparse_index.store.filesystems import filesystem_at, full_address
from sparse_index.store.refusals import in_our_words, whole
from sparse_index.store.spill import worker_folder

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

_OWN_TEMPORARY = re.compile(r"(^|/)(\.[^/]+\.[0-9a-f]{8}\.tmp\Z|\.spill-[^/]+\.tmp/)")
# Under which of these a file system tells when a file was written.
_MODIFIED = ("mtime", "LastModified", "last_modified", "created")


@dataclass(frozen=True)
class StoredFile:
    """A file as a listing shows it; `modified`: when it was written, UTC."""

    path: str
    size_bytes: int
    modified: datetime

    @property
    def is_leftover(self) -> bool:
        """What a writer or a query of ours leaves when it is killed: a temporary file, or one in a spill folder."""
        return _OWN_TEMPORARY.search(self.path) is not None


class Store:
    """One root address. Paths given to the methods are relative to it, with forward slashes."""

    def __init__(self, root_uri: str) -> None:
        self.root_uri = root_uri
        # A kept listing would hide what other workers write and delete.
        self.filesystem, self._root = filesystem_at(root_uri, use_listings_cache=False)
        if "\\" in self._root and set(self._root) & set("*?["):
            raise ConfigError(
                f"The store {root_uri} has a backslash and one of * ? [ in its address: no file in it could be named to DuckDB. "
                "Take one of them out."
            )

    @property
    def is_local(self) -> bool:
        return isinstance(self.filesystem, LocalFileSystem)

    @cached_property
    def queried(self) -> fsspec.AbstractFileSystem:
        """`filesystem` for DuckDB."""
        return asked_once(self.filesystem)

    @property
    def address(self) -> str:
        """The public address of its root: one, however its place is spelled."""
        return full_address(self.filesystem, self.root_uri, self._root.rstrip("/"))

    def full(self, path: str) -> str:
        """The address DuckDB and pyarrow understand: a plain path when local, else with its protocol."""
        address = posixpath.join(self._root, path)
        return address if self.is_local else str(self.filesystem.unstrip_protocol(address))

    def exists(self, path: str) -> bool:
        return self.stat(path) is not None

    def files(self, folder: str, suffix: str = "") -> list[str]:
        """Paths of the files below `folder` that end in `suffix`, sorted; empty when there is no such folder."""
        with self._reached(folder):
            found = self.filesystem.find(self._address(folder))
        paths = (posixpath.relpath(str(name), self._root) for name in found)
        return sorted(path for path in paths if path.endswith(suffix) and not is_temporary(path))

    def listing(self, folder: str = "") -> list[StoredFile]:
        """Every file of the store, or below `folder`, temporary ones too, by path; one question, so nothing changes between."""
        with self._reached(folder):
            found = self.filesystem.find(self._address(folder) if folder else self._root, detail=True)
        return [
            StoredFile(posixpath.relpath(str(name), self._root), int(info["size"]), _modified(info))
            for name, info in sorted(found.items())
        ]

    def folders(self, folder: str) -> list[str]:
        """Names of the folders directly in `folder`; empty when there is no such folder."""
        try:
            with self._reached(folder):
                return sorted(self._folders(self._address(folder)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _folders(self, address: str) -> Iterator[str]:
        if self.is_local:  # without a question for each of them, which fsspec asks
            with os.scandir(address) as entries:
                yield from (entry.name for entry in entries if entry.is_dir())
            return
        for each in self.filesystem.ls(address, detail=True):
            if each["type"] == "directory":
                yield posixpath.basename(str(each["name"]).rstrip("/"))

    def stat(self, path: str) -> StoredFile | None:
        """The file as a listing would show it; None when it is not there."""
        try:
            with self._reached(path):
                info = self.filesystem.info(self._address(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return StoredFile(path, int(info["size"] or 0), _modified(info))

    def delete(self, path: str) -> None:
        """Delete one file; already gone is success."""
        with suppress(FileNotFoundError), self._reached(path):
            self.filesystem.rm_file(self._address(path))

    def read_bytes(self, path: str) -> bytes:
        with self._reached(path):
            return bytes(self.filesystem.cat_file(self._address(path)))

    def write_bytes(self, path: str, data: bytes) -> None:
        if not self.is_local:
            with self._written(path):
                self.filesystem.pipe_file(self._address(path), data)
            return
        with self.writing(path) as local:
            local.write_bytes(data)

    def read_json(self, path: str) -> Any:
        return orjson.loads(self.read_bytes(path))

    def write_json(self, path: str, value: Any) -> None:
        self.write_bytes(path, orjson.dumps(value, option=orjson.OPT_INDENT_2))

    def write_table(self, path: str, table: pa.Table, row_group_rows: int = 10_000) -> None:
        import pyarrow.parquet as pq  # noqa: PLC0415 - a tenth of a second, and a task that only looks at the plan needs none

        with self.writing(path) as local:
            pq.write_table(table, local, compression="zstd", row_group_size=row_group_rows)

    def read_table(
        self, path: str, columns: list[str] | None = None, row_groups: Sequence[int] | None = None
    ) -> pa.Table:
        """Of `columns` those that the file has."""
        with self._parquet(path) as parquet:
            if row_groups is None:
                return parquet.read(columns=columns, use_threads=False)
            return parquet.read_row_groups(list(row_groups), columns=columns, use_threads=False)

    def footer(self, path: str) -> dict[str, str]:
        """What the writer of a Parquet file said about it."""
        with self._parquet(path) as parquet:
            return {name.decode(): value.decode() for name, value in (parquet.metadata.metadata or {}).items()}

    def schema(self, path: str) -> pa.Schema:
        with self._parquet(path) as parquet:
            return parquet.schema_arrow

    def metadata(self, path: str) -> pq.FileMetaData:
        """Of a Parquet file: its row groups and their statistics."""
        with self._parquet(path) as parquet:
            return parquet.metadata

    def batches(self, path: str, rows: int) -> Iterator[pa.RecordBatch]:
        """The rows of a Parquet file, at most `rows` at a time."""
        with self._parquet(path) as parquet:
            yield from parquet.iter_batches(batch_size=rows, use_threads=False)

    def batches_around(self, path: str, wanted: np.ndarray, rows: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Of a Parquet file the row groups that hold one of the `wanted` rows (their numbers, ascending): at most `rows` rows at
        a time, after the number of the first."""
        with self._parquet(path) as parquet:
            first = 0
            for group in range(parquet.metadata.num_row_groups):
                end = first + parquet.metadata.row_group(group).num_rows
                below, above = wanted.searchsorted([first, end])
                if below < above:
                    for batch in parquet.iter_batches(batch_size=rows, row_groups=[group], use_threads=False):
                        yield first, batch
                        first += len(batch)
                first = end

    @contextmanager
    def _parquet(self, path: str) -> Iterator[pq.ParquetFile]:
        """Read it without Arrow's threads: one that still holds a Python file ends a process that is about to end with
        `terminate called`, after its work was done."""
        import pyarrow.parquet as pq  # noqa: PLC0415 - as above

        with self._reached(path), self.filesystem.open(self._address(path), "rb") as file, whole(path):
            # By itself Arrow fetches the whole file before its first row.
            yield pq.ParquetFile(file, pre_buffer=False)

    @contextmanager
    def writing(self, path: str) -> Iterator[Path]:
        """A local path to write to; the file appears under `path` in one step when the block ends well."""
        with self._reached(path):
            if self.is_local:
                with _replacing(Path(self._address(path))) as temporary:
                    yield temporary
                return
            with worker_folder() as folder:
                local = folder / posixpath.basename(path)
                yield local
                with self._written(path):
                    self.filesystem.put_file(str(local), self._address(path))

    def copy(self, source: str, path: str) -> None:
        """A file as it is under another path, in one step."""
        with self.writing(path) as local, self._reached(source):
            self.filesystem.get_file(self._address(source), str(local))

    def _reached(self, path: str) -> AbstractContextManager[None]:
        return in_our_words(f"{public_address(self.full(path))} in the store")

    @contextmanager
    def _written(self, path: str) -> Iterator[None]:
        """`_reached`, where nothing that is written need be there before."""
        try:
            with self._reached(path):
                yield
        except FileNotFoundError as error:
            raise ConfigError(
                f"{public_address(self.full(path))} cannot be written: {error}. Make the store's bucket, or correct its address."
            ) from showable(error)

    def _address(self, path: str) -> str:
        return posixpath.join(self._root, path)


@contextmanager
def _replacing(final: Path) -> Iterator[Path]:
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(temporary_name(final.name))
    try:
        yield temporary
        # Else the name may outlast the content where a machine dies.
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)


def _modified(info: dict[str, Any]) -> datetime:
    when = next(info[key] for key in _MODIFIED if key in info)
    if isinstance(when, datetime):
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    return datetime.fromtimestamp(when, UTC)


def temporary_name(name: str) -> str:
    return f".{name}.{uuid.uuid4().hex[:8]}.tmp"


def is_temporary(path: str) -> bool:
    return path.endswith(".tmp")
