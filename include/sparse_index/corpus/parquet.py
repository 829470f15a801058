"""One Parquet file of a corpus: its version, how to open it, and what each failure means.

Addresses come in with their secrets (a signed query, a login), and none of them goes into what is said.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import SEEK_END
from typing import Any, Literal

import aiohttp
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.http import HTTPStreamFile
from fsspec.implementations.local import LocalFileSystem

from sparse_index.addresses import public_address, showable
from sparse_index.certificates import is_untrusted
from sparse_index.errors import AccessError, CorpusError, SparseIndexError, UnavailableError
from sparse_index.store.filesystems import filesystem_at
from sparse_index.store.refusals import (
    PASSING,
    has_expired,
    in_short,
    is_denied,
    is_of_a_library,
    out_of_memory,
    untrusted,
    what_it_was,
)

# Columns of a row group are read in pieces of this size; else memory would grow with the row group.
BUFFER_BYTES = 4_000_000
_MAGIC = b"PAR1"
_LENGTH_BYTES = 4
_SIGNATURE_BYTES = 28
_WITH_INODE = re.compile(r"^(\d+-\d+\.\d+)-\d+$")
Int96Unit = Literal["us", "ns"]
NO_RANGES = (
    "its web server gives whole files only, and Parquet is read in pieces. Let the server answer range requests (nginx, "
    "Apache and object stores do), or copy the corpus to a disk or an object store."
)


def file_version(uri: str) -> str:
    """What identifies the content of a file, on every worker alike: an ETag where there is one, else size and time.

    CorpusError for a web server that tells neither: its files could change unnoticed.
    """
    filesystem, path = corpus_filesystem(uri)
    with reading(uri):
        info = filesystem.info(path)
        etag = info.get("ETag") or info.get("etag")
        if not etag and is_web(filesystem):
            return _told_by_web_server(uri, info)
        # "time", of sftp and smb: of the last read, which fsspec's own key has in it.
        if not etag and ("time" in info or isinstance(filesystem, LocalFileSystem)):
            return f"{info['size']}-{info['mtime']}"
        return str(etag or filesystem.ukey(path)).strip('"')


def is_version(uri: str, version: str) -> bool:
    """Whether the file is still the one with this `file_version`. Former releases added the inode of a mounted file, which may
    be another one on each worker and after each mount."""
    return file_version(uri) == _WITH_INODE.sub(r"\1", version)


def _told_by_web_server(uri: str, info: dict[str, Any]) -> str:
    # fsspec takes whatever is at a web address for unchanging, so its own key would never differ.
    if "Last-Modified" in info:
        return f"{info['size']}-{info['Last-Modified']}"
    raise CorpusError(
        f"{public_address(uri)}: its server sends neither ETag nor Last-Modified, so a change of the file would go unnoticed. "
        "Let it send one of them, or copy the corpus to a store that knows when a file was written."
    )


def joint_version(versions: Iterable[str]) -> str:
    """One version for several files: 32 hex digits."""
    return hashlib.blake2b("\n".join(versions).encode(), digest_size=16).hexdigest()


@contextmanager
def open_parquet(uri: str, version: str) -> Iterator[pq.ParquetFile]:
    """The file if it is still the one that was planned; CorpusError when it changed, is gone or is torn."""
    if not is_version(uri, version):
        raise CorpusError(f"{public_address(uri)} changed while the build was running. Trigger a new run.")
    with parquet_file(uri) as parquet:
        yield parquet


@contextmanager
def parquet_file(uri: str, int96_unit: Int96Unit = "us", *, unseen: bool = False) -> Iterator[pq.ParquetFile]:
    """The file as it is now. Timestamps of 96 bits are read in `int96_unit`: microseconds hold every year.

    `unseen`: no plan has looked into it, so that it costs one more read to know that its columns can be asked for.
    """
    filesystem, path = corpus_filesystem(uri)
    with reading(uri):
        try:
            source = _source(filesystem, path)
            parquet = _opened(source, int96_unit)
            if unseen:
                _require_plain(source, parquet.metadata, public_address(uri))
        except (pa.ArrowException, OSError):
            _require_whole(filesystem, path, public_address(uri))
            raise
    try:
        yield parquet
    finally:
        parquet.close(force=True)


def _source(filesystem: fsspec.AbstractFileSystem, path: str) -> Any:
    if isinstance(filesystem, LocalFileSystem):
        return pa.OSFile(path)
    # Arrow asks for whole buffers itself: a second read-ahead would fetch everything several times.
    source = filesystem.open(path, "rb", cache_type="none")
    if isinstance(source, HTTPStreamFile):
        raise CorpusError(f"{public_address(path)} cannot be read: {NO_RANGES}")
    return source


def _opened(source: Any, int96_unit: Int96Unit) -> pq.ParquetFile:
    return pq.ParquetFile(
        source,
        # By itself Arrow fetches a whole row group before its first row.
        pre_buffer=False,
        buffer_size=BUFFER_BYTES,
        page_checksum_verification=True,
        coerce_int96_timestamp_unit=int96_unit,
        arrow_extensions_enabled=True,
    )


def _require_whole(filesystem: fsspec.AbstractFileSystem, path: str, place: str) -> None:
    """CorpusError in plain words for what cannot be opened because there is no whole file of Parquet."""
    if filesystem.isdir(path):
        raise CorpusError(f"{place} is a folder where the plan has a file. Trigger a new run.")
    size = filesystem.info(path)["size"]
    if size == 0:
        raise CorpusError(
            f"{place} is empty (0 bytes): it is still being written, or its writer died. Wait, or remove it."
        )
    begins = filesystem.cat_file(path, start=0, end=len(_MAGIC)) == _MAGIC
    ends = filesystem.cat_file(path, start=max(0, size - len(_MAGIC)), end=size) == _MAGIC
    if begins and not ends:
        raise CorpusError(f"{place} has no end: it is torn, or still being written. Wait, or replace it.")


def _require_plain(source: Any, metadata: pq.FileMetaData, place: str) -> None:
    """CorpusError for a file with encrypted columns: Arrow opens it, and ends the process when it is asked about them.

    Behind a footer that can be read such a file has the footer's signature, which its length tells.
    """
    source.seek(-_LENGTH_BYTES - len(_MAGIC), SEEK_END)
    if int.from_bytes(source.read(_LENGTH_BYTES), "little") - metadata.serialized_size == _SIGNATURE_BYTES:
        raise CorpusError(
            f"{place} has columns that are encrypted, and there is no key here. Write it without encryption."
        )


@contextmanager
def reading(uri: str, row_group: int | None = None) -> Iterator[None]:
    """Errors of the block in our words: what cannot be read, where, and whether trying again may help."""
    place = public_address(uri) if row_group is None else f"{public_address(uri)}, row group {row_group}"
    try:
        yield
    except MemoryError as error:  # Arrow's, too
        raise out_of_memory(place, error) from error
    except Exception as error:
        ours = isinstance(error, (OSError, ValueError, pa.ArrowException)) or is_of_a_library(error)
        told = _in_our_words(place, error) if ours else None
        if told is None:
            raise
        raise told from showable(error)


def _in_our_words(place: str, error: Exception) -> SparseIndexError | None:
    """None for what is no failure of reading."""
    error = what_it_was(error)
    refused = _refused(place, error)
    if refused is not None:
        return refused
    said, status = str(error) or in_short(error), web_status(error)
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return CorpusError(f"{place} is gone ({said}). If the corpus was replaced meanwhile, trigger a new run.")
    if _passes(error):
        return UnavailableError(f"{place} cannot be reached for now ({in_short(error)}).")
    if isinstance(error, ValueError) and not isinstance(error, pa.ArrowException):
        return CorpusError(f"{place} cannot be read: {NO_RANGES}") if place.startswith("http") else None
    if "crypt" in said:
        return CorpusError(f"{place} is encrypted ({said}), and there is no key here. Write it without encryption.")
    return CorpusError(f"{place} cannot be read: {said}. The file is torn or no Parquet; replace it.")


def _refused(place: str, error: Exception) -> AccessError | None:
    """Where one of both sides does not believe the other."""
    if is_untrusted(error):
        return untrusted(f"{place} cannot be read", in_short(error))
    denied = web_status(error) in (401, 403) or is_denied(error)
    if not denied or has_expired(error):
        return None
    said = str(error) or in_short(error)
    return AccessError(
        f"{place} cannot be read: no permission ({said}). Give this account read access; a signed address may have expired."
    )


def _passes(error: Exception) -> bool:
    """Whether it says nothing about the file: a network, a server or a worker that is short of something for now."""
    passing = (ConnectionError, TimeoutError, socket.gaierror, ssl.SSLError, pa.ArrowCancelled)
    says_so = is_of_a_library(error) or has_expired(error)  # a new attempt asks for new credentials
    return says_so or isinstance(error, passing) or getattr(error, "errno", None) in PASSING


def web_status(error: BaseException | None) -> int | None:
    """What a web server answered; its file system tells of any failure as a missing file."""
    if isinstance(error, aiohttp.ClientResponseError):
        return error.status
    return None if error is None else web_status(error.__cause__)


def corpus_filesystem(uri: str) -> tuple[fsspec.AbstractFileSystem, str]:
    # A web server that compresses what it sends would give other bytes than those that were asked for.
    web = {"headers": {"Accept-Encoding": "identity"}} if uri.startswith(("http://", "https://")) else {}
    # A cached listing would hide that a file changed under a long-lived process.
    return filesystem_at(uri, use_listings_cache=False, **web)


def is_web(filesystem: fsspec.AbstractFileSystem) -> bool:
    return "https" in filesystem.protocol
