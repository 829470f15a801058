"""Who may not, or has not said who it is, is told so by each library of an object store in its own way: no outage that passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
import pytest

from sparse_index.corpus.parquet import reading
from sparse_index.errors import AccessError, SparseIndexError, UnavailableError
from sparse_index.store.files import Store
from sparse_index.store.refusals import in_our_words
from sparse_index.store.sql import connect


def said_by(module: str, **said: int | str) -> Exception:
    """A stand-in for an error of that module, which says its status under these names."""
    error: Exception = type("TheirError", (Exception,), {"__module__": module})("no")
    vars(error).update(said)
    return error


FORBIDDEN = OSError("Forbidden: b/bucket/o\nno")  # as gcsfs raises it
ANSWERS = [
    (FORBIDDEN, AccessError),
    (said_by("gcsfs.retry", code=401), AccessError),
    (said_by("gcsfs.retry", code=503), UnavailableError),
    (said_by("azure.core.exceptions", status_code=403), AccessError),
    (said_by("azure.core.exceptions", status_code=503), UnavailableError),
    (said_by("azure.core.exceptions", status_code=403, code="AuthorizationFailure"), AccessError),
    (said_by("azure.core.exceptions", code="ServerBusy"), UnavailableError),
    (said_by("aiohttp.client_exceptions", status=401), AccessError),
]


@pytest.mark.parametrize(("error", "ours"), ANSWERS)
def test_a_status_means_the_same_whatever_a_library_calls_it(error: Exception, ours: type[SparseIndexError]) -> None:
    for words in (in_our_words("gs://b/a in the store"), reading("gs://b/a")):
        with pytest.raises(SparseIndexError) as told, words:
            raise error
        assert type(told.value) is ours


def test_a_table_that_may_not_be_read_is_not_torn(tmp_path: Path) -> None:
    """What its message advises for a torn one is to delete it."""
    store = Store(str(tmp_path))
    store.write_table("a.parquet", pa.table({"n": [1]}))
    with pytest.raises(AccessError, match="no permission"), store._parquet("a.parquet"):
        raise FORBIDDEN


@pytest.mark.parametrize("said", ["OSError: Forbidden: b/bucket/o", "HttpResponseError: Forbidden"])
def test_a_query_that_may_not_read_says_so(said: str, tmp_path: Path) -> None:
    below = f"Invalid Error: Python exception\n\nTraceback (most recent call last):\n  File a, line 1\n{said}\n\n"
    with pytest.raises(AccessError, match="no permission"), connect(Store(str(tmp_path))):
        raise duckdb.Error(below)


class Refusing(BaseHTTPRequestHandler):
    """A store of Google's or of Microsoft's that refuses everything."""

    protocol_version = "HTTP/1.1"
    status: ClassVar[int] = 403

    def refuse(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = refuse

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Lets the libraries find it in place of the real ones; sets its answer."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        account = f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint={address}/a;"
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", account)
        yield lambda status: monkeypatch.setattr(Refusing, "status", status)
        server.shutdown()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("package", "extra", "address"), [("gcsfs", "gcs", "gs://b/root"), ("adlfs", "azure", "abfs://c/root")]
)
def test_the_libraries_themselves(
    package: str, extra: str, address: str, status: int, refusing: Callable[[int], None]
) -> None:
    pytest.importorskip(package, reason=f"the extra `{extra}` is not installed")
    refusing(status)
    store = Store(address)
    store.filesystem.clear_instance_cache()
    store = Store(address)
    uses: list[Callable[[], Any]] = [
        lambda: store.write_bytes("a", b"1"),
        lambda: store.read_bytes("a"),
        lambda: store.read_table("a"),
        lambda: store.files(""),
        lambda: store.stat("a"),
        lambda: store.delete("a"),
    ]
    for use in uses:
        with pytest.raises(AccessError, match="no permission"):
            use()
