"""A server whose certificate nobody trusts is no outage: the run ends at once and says how to trust it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest

from local_cluster.certificates import CA_FILE, make_certificates
from package_server import PackageServer, package_server
from s3_server import ACCOUNT, BUCKET
from sparse_index.corpus.parquet import reading
from sparse_index.errors import AccessError, SparseIndexError, UnavailableError
from sparse_index.ml.model_zip import opened
from sparse_index.store.files import Store
from sparse_index.store.filesystems import filesystem_at
from sparse_index.store.sql import connect, parquet

UNTRUSTED = "the certificate of its server is not trusted.*SSL_CERT_FILE, of an S3 store in AWS_CA_BUNDLE"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageServer]:
    """Behind an authority that nobody trusts; for a store it stands as S3."""
    make_certificates(tmp_path)
    with package_server(tmp_path) as server:
        for name, value in (ACCOUNT | {"AWS_ENDPOINT_URL": server.url, "AWS_MAX_ATTEMPTS": "1"}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
        yield server


@pytest.fixture
def s3(server: PackageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    s3fs = pytest.importorskip("s3fs", reason="the extra `s3` is not installed")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.usefixtures("s3")
def test_a_store() -> None:
    store = Store(f"s3://{BUCKET}/untrusted")

    def query() -> None:
        with connect(store) as con:
            con.execute(f"SELECT 1 FROM {parquet(store, ['a.parquet'])}")

    for act in (
        lambda: store.write_bytes("a", b"2"),
        lambda: store.write_table("t.parquet", pa.table({"n": [1]})),
        lambda: store.read_bytes("a"),
        lambda: store.read_table("a.parquet"),
        lambda: store.files(""),
        lambda: store.exists("a"),
        query,
    ):
        with pytest.raises(AccessError, match=UNTRUSTED):
            act()


@pytest.mark.usefixtures("s3")
def test_a_store_whose_authority_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / CA_FILE))
    with pytest.raises(UnavailableError, match="Not Implemented"):  # as what stands for S3 says to a HEAD
        Store(f"s3://{BUCKET}/trusted").stat("a")


@pytest.mark.usefixtures("s3")
def test_a_corpus_in_an_object_store() -> None:
    uri = f"s3://{BUCKET}/a.parquet"
    with pytest.raises(AccessError, match=UNTRUSTED), reading(uri):
        fsspec.filesystem("s3").info(uri)


def test_a_corpus_and_a_zip_on_a_web_server(server: PackageServer) -> None:
    uri = f"{server.url}/a.parquet"
    with pytest.raises(AccessError, match=UNTRUSTED), reading(uri):
        fsspec.open(uri, "rb").open().read()
    with pytest.raises(AccessError, match=f"The model's zip .*: {UNTRUSTED}"), opened(f"{server.url}/m.zip"):
        pass


def test_an_archive_on_one_that_is_opened_at_once(server: PackageServer) -> None:
    with pytest.raises(SparseIndexError, match=UNTRUSTED) as told:
        filesystem_at(f"zip://a.parquet::{server.url}/all.zip")
    assert type(told.value) is AccessError
