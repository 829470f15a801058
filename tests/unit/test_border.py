"""The border: every exception class of the libraries that reach cluster, corpus and store, and what becomes of it.

The classes are read from the installed libraries: one that a new version brings fails here until it has a line.
"""

from __future__ import annotations

import errno
import inspect
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import aiohttp.client_exceptions
import duckdb
import fsspec.exceptions
import pyarrow as pa
import pytest
from opensearchpy import exceptions as opensearch

from sparse_index.cluster.errors import translate
from sparse_index.corpus.parquet import reading
from sparse_index.errors import AccessError, BuildError, CorpusError, SparseIndexError, TerminalError, UnavailableError
from sparse_index.store.files import Store
from sparse_index.store.refusals import PASSING
from sparse_index.store.sql import connect

Ours = type[SparseIndexError]
Theirs = type[Exception]

# With the status that makes the client choose the class; tests/unit/cluster has every other answer.
CLUSTER: dict[Theirs, tuple[int | str, Ours]] = {
    opensearch.OpenSearchException: ("N/A", TerminalError),
    opensearch.SerializationError: ("N/A", UnavailableError),
    opensearch.TransportError: (500, TerminalError),
    opensearch.RequestError: (400, TerminalError),
    opensearch.AuthenticationException: (401, AccessError),
    opensearch.AuthorizationException: (403, AccessError),
    opensearch.NotFoundError: (404, TerminalError),
    opensearch.ConflictError: (409, TerminalError),
    opensearch.ConnectionError: ("N/A", UnavailableError),
    opensearch.ConnectionTimeout: ("TIMEOUT", UnavailableError),
    opensearch.SSLError: ("N/A", UnavailableError),
}
# Of the query builder and of wrong arguments, neither of which we have; warnings are errors in the tests.
NOT_RAISED = {
    "ImproperlyConfigured",
    "OpenSearchDslException",
    "UnknownDslObject",
    "ValidationException",
    "IllegalOperation",
    "OpenSearchWarning",
}

ARROW: dict[Theirs, Ours] = {
    pa.ArrowException: CorpusError,
    pa.ArrowInvalid: CorpusError,
    pa.ArrowKeyError: CorpusError,
    pa.ArrowTypeError: CorpusError,
    pa.ArrowIndexError: CorpusError,
    pa.ArrowCapacityError: CorpusError,
    pa.ArrowSerializationError: CorpusError,
    pa.ArrowNotImplementedError: CorpusError,
    pa.ArrowMemoryError: UnavailableError,
    pa.ArrowCancelled: UnavailableError,
}

# What Python's own tell of files and networks. A missing file is an answer to many readers of the store: it stays.
SYSTEM: dict[Theirs, Ours] = {
    OSError: CorpusError,
    FileExistsError: CorpusError,
    IsADirectoryError: CorpusError,
    FileNotFoundError: CorpusError,
    PermissionError: AccessError,
    TimeoutError: UnavailableError,
    fsspec.exceptions.FSTimeoutError: UnavailableError,
    ConnectionError: UnavailableError,
    BrokenPipeError: UnavailableError,
    ConnectionAbortedError: UnavailableError,
    ConnectionRefusedError: UnavailableError,
    ConnectionResetError: UnavailableError,
    socket.gaierror: UnavailableError,
    ssl.SSLError: UnavailableError,
    ssl.SSLEOFError: UnavailableError,
    ssl.SSLZeroReturnError: UnavailableError,
    ssl.SSLCertVerificationError: AccessError,
}
# What the store makes of them, where that is no outage.
STORE: dict[Theirs, Theirs] = {
    FileNotFoundError: FileNotFoundError,
    PermissionError: AccessError,
    ssl.SSLCertVerificationError: AccessError,
}

_DUCKDB_PASSES = {
    "OperationalError",
    "TransactionException",
    "OutOfMemoryException",
    "ConnectionException",
    "ResourceInUseException",
    "IOException",
    "HTTPException",
    "SerializationException",
}


def with_subclasses(root: Theirs) -> Iterator[Theirs]:
    """Those that the library of `root` itself has."""
    yield root
    for each in root.__subclasses__():
        if each.__module__.split(".")[0] == root.__module__.split(".")[0]:
            yield from with_subclasses(each)


def classes_in(module: ModuleType) -> set[Theirs]:
    return {each for each in vars(module).values() if inspect.isclass(each) and issubclass(each, Exception)}


def test_no_class_of_the_libraries_is_missing_here() -> None:
    assert {each.__name__ for each in classes_in(opensearch) - CLUSTER.keys()} == NOT_RAISED
    arrow = {each for each in classes_in(pa) if issubclass(each, pa.ArrowException)}
    assert arrow == ARROW.keys()
    # The other one is of a block cache, which nobody can configure here.
    others = classes_in(fsspec.exceptions) - SYSTEM.keys()
    assert {each.__name__ for each in others if each.__module__ == "fsspec.exceptions"} == {"BlocksizeMismatchError"}
    assert {each.__name__ for each in with_subclasses(duckdb.Error)} >= _DUCKDB_PASSES


@pytest.mark.parametrize("theirs", CLUSTER, ids=lambda each: each.__name__)
def test_the_client_of_the_cluster(theirs: Theirs) -> None:
    status, ours = CLUSTER[theirs]
    told = translate(theirs(status, "said", {}), "GET /a")  # type: ignore[arg-type]
    assert type(told) is ours
    assert told.message.startswith("GET /a: ")


@pytest.mark.parametrize("theirs", [*ARROW, *SYSTEM], ids=lambda each: each.__name__)
def test_reading_a_corpus(theirs: Theirs) -> None:
    ours = {**ARROW, **SYSTEM}[theirs]
    with (
        pytest.raises(SparseIndexError, match=r"s3://b/a\.parquet, row group 3 ") as told,
        reading("s3://b/a.parquet", 3),
    ):
        raise theirs("said")
    assert type(told.value) is ours


@pytest.mark.parametrize("number", sorted(PASSING), ids=errno.errorcode.get)
def test_what_a_system_is_short_of_is_no_torn_file(number: int, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be reached for now"), reading("s3://b/a.parquet"):
        raise OSError(number, "SlowDown")
    with pytest.raises(UnavailableError, match="cannot be used for now"), Store(str(tmp_path)).writing("a"):
        raise OSError(number, "SlowDown")


@pytest.mark.parametrize("theirs", [MemoryError, pa.ArrowMemoryError])
def test_what_this_machine_lacks_is_no_fault_of_the_store_or_of_the_corpus(theirs: Theirs, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    with (
        pytest.raises(UnavailableError, match=r"memory of this worker is used up, at .*/a in the store"),
        store.writing("a"),
    ):
        raise theirs("said")
    # As a scan does it: the corpus is read while the store is written.
    read = r"memory of this worker is used up, at s3://b/a\.parquet, row group 3 "
    with pytest.raises(UnavailableError, match=read), store.writing("a"), reading("s3://b/a.parquet", 3):
        raise theirs("said")
    assert store.files("") == []


def made(theirs: Theirs) -> Exception:
    """One of aiohttp's classes, whose arguments differ."""
    key, cause = Mock(ssl=True), OSError(111, "said")
    makers: dict[Theirs, Callable[[Any], Exception]] = {
        aiohttp.ClientResponseError: lambda its: its(Mock(), (), status=503),
        aiohttp.client_exceptions.UnixClientConnectorError: lambda its: its("/socket", key, cause),
        aiohttp.ClientConnectorCertificateError: lambda its: its(key, ssl.SSLCertVerificationError("said")),
        aiohttp.ClientConnectorError: lambda its: its(key, cause),
        aiohttp.ServerFingerprintMismatch: lambda its: its(b"a", b"b", "host", 443),
    }
    return next((make(theirs) for base, make in makers.items() if issubclass(theirs, base)), None) or theirs("said")


@pytest.mark.parametrize("theirs", dict.fromkeys(with_subclasses(aiohttp.ClientError)), ids=lambda each: each.__name__)
def test_reading_from_a_web_server(theirs: Theirs) -> None:
    refused = issubclass(theirs, aiohttp.ClientConnectorCertificateError)
    with (
        pytest.raises(AccessError if refused else UnavailableError, match=r"https://b/a\.parquet"),
        reading("https://b/a.parquet"),
    ):
        raise made(theirs)


@pytest.mark.parametrize("theirs", SYSTEM, ids=lambda each: each.__name__)
def test_the_store(theirs: Theirs, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.filesystem = Mock(cat_file=Mock(side_effect=theirs("said")))
    expected = STORE.get(theirs, UnavailableError)
    with pytest.raises(expected) as told:
        store.read_bytes("a")
    assert type(told.value) is expected


@pytest.mark.parametrize("theirs", dict.fromkeys(with_subclasses(duckdb.Error)), ids=lambda each: each.__name__)
def test_queries_of_the_store(theirs: Theirs, tmp_path: Path) -> None:
    expected = UnavailableError if theirs.__name__ in _DUCKDB_PASSES else BuildError
    with pytest.raises(SparseIndexError, match="said") as told, connect(Store(str(tmp_path))):
        raise theirs("said")
    assert type(told.value) is expected


@pytest.mark.parametrize("theirs", [*ARROW, *SYSTEM], ids=lambda each: each.__name__)
def test_a_table_of_the_store(theirs: Theirs, tmp_path: Path) -> None:
    """A bare OSError is Arrow's word for a torn page; nobody cancels a reading."""
    store = Store(str(tmp_path))
    store.write_table("a.parquet", pa.table({"n": [1]}))
    torn = theirs in {OSError, *ARROW} - {pa.ArrowMemoryError}
    expected = BuildError if torn else STORE.get(theirs, UnavailableError)
    with pytest.raises(expected, match="said"), store._parquet("a.parquet"):
        raise theirs("said")


def test_a_torn_page_of_the_store_is_named(tmp_path: Path) -> None:
    store, path = Store(str(tmp_path)), tmp_path / "a.parquet"
    store.write_table("a.parquet", pa.table({"n": [[number] * 9 for number in range(1_000)]}))
    whole = path.read_bytes()
    path.write_bytes(whole[:9] + bytes(len(whole) // 2) + whole[9 + len(whole) // 2 :])
    with pytest.raises(BuildError, match=r"a\.parquet in the store is torn"):
        store.read_table("a.parquet")


def test_a_torn_file_of_the_store_is_named(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write_bytes("a.parquet", b"PAR1 half")
    with pytest.raises(BuildError, match=r"a\.parquet in the store is torn"):
        store.read_table("a.parquet")
    with pytest.raises(BuildError, match=r"a\.parquet"), connect(store) as con:
        con.execute(f"FROM '{store.full('a.parquet')}'")
