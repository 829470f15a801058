"""Where the Parquet files of a corpus are, and how to open them so that each failure says what it means."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from sparse_index.errors import AccessError, CorpusError, UnavailableError
from sparse_index.store import filesystem_at

# Columns of a row group are read in pieces of this size; else memory would grow with the row group.
BUFFER_BYTES = 4_000_000
NOT_THERE = "Correct `source.uri`, or wait until the corpus has arrived."


def file_addresses(uri: str, remedy: str = NOT_THERE) -> list[str]:
    """Full addresses of the Parquet files at `uri` (a file, a folder or a glob), sorted; CorpusError that names `remedy`
    when there is none."""
    filesystem, path = _filesystem(uri)
    with reading(uri):
        found = _find(filesystem, path)
    if not found:
        raise CorpusError(f"No Parquet file at {uri}. {remedy}")
    return sorted(
        name if isinstance(filesystem, LocalFileSystem) else filesystem.unstrip_protocol(name) for name in found
    )


def file_version(uri: str) -> str:
    """What identifies the content of a file: an ETag where there is one, else size and time, on a local disk the inode too.

    CorpusError for a web server that tells neither: its files could change unnoticed.
    """
    filesystem, path = _filesystem(uri)
    with reading(uri):
        info = filesystem.info(path)
        if isinstance(filesystem, LocalFileSystem):
            return f"{info['size']}-{info['mtime']}-{info['ino']}"
        etag = info.get("ETag") or info.get("etag")
        if not etag and "https" in filesystem.protocol:
            return _told_by_web_server(uri, info)
        return str(etag or filesystem.ukey(path)).strip('"')


def _told_by_web_server(uri: str, info: dict[str, Any]) -> str:
    # fsspec takes whatever is at a web address for unchanging, so its own key would never differ.
    if "Last-Modified" in info:
        return f"{info['size']}-{info['Last-Modified']}"
    raise CorpusError(
        f"{uri}: its server sends neither ETag nor Last-Modified, so a change of the file would go unnoticed. Let it send "
        "one of them, or copy the corpus to a store that knows when a file was written."
    )


def joint_version(versions: Iterable[str]) -> str:
    """One version for several files: 32 hex digits."""
    return hashlib.blake2b("\n".join(versions).encode(), digest_size=16).hexdigest()


@contextmanager
def open_parquet(uri: str, version: str) -> Iterator[pq.ParquetFile]:
    """The file if it is still the one that was planned; CorpusError when it changed, is gone or is torn."""
    if file_version(uri) != version:
        raise CorpusError(f"{uri} changed while the build was running. Trigger a new run.")
    with parquet_file(uri) as parquet:
        yield parquet


@contextmanager
def reading(uri: str, row_group: int | None = None) -> Iterator[None]:
    """Errors of the block in our words: what cannot be read, where, and whether trying again may help."""
    place = uri if row_group is None else f"{uri}, row group {row_group}"
    try:
        yield
    except FileNotFoundError as error:
        raise CorpusError(
            f"{place} is gone ({error}). If the corpus was replaced meanwhile, trigger a new run."
        ) from error
    except PermissionError as error:
        raise AccessError(f"{place} cannot be read: no permission ({error}). Give this account read access.") from error
    except (ConnectionError, TimeoutError) as error:
        raise UnavailableError(f"{place} cannot be reached for now ({error!r}).") from error
    except (pa.ArrowException, OSError) as error:
        raise CorpusError(f"{place} cannot be read: {error}. The file is torn or no Parquet; replace it.") from error


def _filesystem(uri: str) -> tuple[fsspec.AbstractFileSystem, str]:
    # A cached listing would hide that a file changed under a long-lived process.
    return filesystem_at(uri, use_listings_cache=False)


def _find(filesystem: fsspec.AbstractFileSystem, path: str) -> list[str]:
    if any(sign in path for sign in "*?["):
        found = filesystem.glob(path)
    elif filesystem.isdir(path):
        filesystem.ls(path)  # find() passes over folders that it may not read: an empty answer would be a lie
        found = [name for name in filesystem.find(path) if name.endswith(".parquet")]
    else:
        found = [path] if filesystem.exists(path) else []
    return [name for name in found if not name.rsplit("/", 1)[-1].startswith((".", "_"))]


@contextmanager
def parquet_file(uri: str, int96_unit: Literal["us", "ns"] = "us") -> Iterator[pq.ParquetFile]:
    """The file as it is now. Timestamps of 96 bits are read in `int96_unit`: microseconds hold every year."""
    filesystem, path = _filesystem(uri)
    with reading(uri):
        # Arrow asks for whole buffers itself: a second read-ahead would fetch everything several times.
        source = path if isinstance(filesystem, LocalFileSystem) else filesystem.open(path, "rb", cache_type="none")
        parquet = pq.ParquetFile(
            source,
            buffer_size=BUFFER_BYTES,
            page_checksum_verification=True,
            coerce_int96_timestamp_unit=int96_unit,
            arrow_extensions_enabled=True,
        )
    try:
        yield parquet
    finally:
        parquet.close(force=True)
