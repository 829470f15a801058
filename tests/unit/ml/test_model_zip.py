"""A model's zip that is away for a moment ends no run for good; one that is wrong, or closed to us, does. All in our words."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from misbehaving_servers import Quiet, hanging_up, serving, web_server
from sparse_index.config.encoder import EncoderConfig, FileModel, Pruning
from sparse_index.corpus.tokenizer import NoTokenizer
from sparse_index.encode.own_process import load_model
from sparse_index.errors import AccessError, ConfigError, ModelError, SparseIndexError, UnavailableError
from sparse_index.ml.sources import local_zip, require_usable_zip
from sparse_index.ml.tokenizer import find_tokenizer
from sparse_index.store.files import Store
from sparse_index.vectors.sparse import sparse_kind


def load(store: Store, model: FileModel) -> None:
    load_model(store, EncoderConfig(model=model, run_on="worker"), sparse_kind(Pruning()), [])


READERS: dict[str, Callable[[Store, FileModel], object]] = {
    "what registers it": lambda _, model: local_zip(model.path),
    "what looks at it": lambda _, model: require_usable_zip(model),
    "a worker": load,
}


def refused(folder: Path, address: str, expected: type[SparseIndexError], *, by_worker: type[SparseIndexError]) -> None:
    """All say the same kind of error of it but the tokenizer's reader, whom it stops in nothing."""
    store, model = Store(str(folder)), FileModel(source="file", name="m", version="1", path=address)
    for name, read in READERS.items():
        with pytest.raises(by_worker if name == "a worker" else expected, match=r"zip") as told:
            read(store, model)
        assert type(told.value) is (by_worker if name == "a worker" else expected), name
    assert isinstance(find_tokenizer(store, model, "0123456789abcdef"), NoTokenizer)


def test_a_process_reads_it_once_for_as_long_as_it_stays_the_same(tmp_path: Path) -> None:
    zip_file = tmp_path / "m.zip"
    zip_file.write_bytes(b"one")
    first, seen = local_zip(str(zip_file)), zip_file.stat()
    with zip_file.open("r+b") as file:
        file.write(b"two")
    os.utime(zip_file, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert local_zip(str(zip_file)) == first, (
        "nothing but its content tells that it changed, and that is not read again"
    )
    os.utime(zip_file, ns=(seen.st_atime_ns, seen.st_mtime_ns + 1_000_000_000))
    assert local_zip(str(zip_file)).sha256 == hashlib.sha256(b"two").hexdigest()


class Undated(Quiet):
    content = b"one"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(self.content)

    do_HEAD = do_GET


def test_one_whose_server_does_not_tell_when_it_changed_is_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Undated) as port:
        address = f"http://127.0.0.1:{port}/m.zip"
        first = local_zip(address)
        monkeypatch.setattr(Undated, "content", b"two")
        assert local_zip(address) != first


class Away(Quiet):
    def do_GET(self) -> None:
        self.send_error(503)

    do_HEAD = do_GET


def test_a_web_server_that_is_away_is_an_outage(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9/m.zip"
    with hanging_up([]) as hangs_up, serving(Away) as away:
        for address in (
            nobody,
            f"http://127.0.0.1:{hangs_up}/m.zip",
            f"http://127.0.0.1:{away}/m.zip",
            f"http://127.0.0.1:{away}/m.zip?sig=hush8041",
        ):
            refused(tmp_path, address, UnavailableError, by_worker=UnavailableError)


def test_a_web_server_that_does_not_let_us_read_is_no_outage(tmp_path: Path) -> None:
    (tmp_path / "m.zip").write_bytes(b"PK")
    with web_server(tmp_path / "m.zip", {}, frozenset({"signed"})) as address:
        refused(tmp_path, address.partition("?")[0], AccessError, by_worker=AccessError)
        refused(tmp_path, address.replace("hush", "hush-of-yesterday"), AccessError, by_worker=AccessError)


def test_an_object_store_without_credentials_is_told_in_our_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3fs = pytest.importorskip("s3fs", reason="the extra `s3` is not installed")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    refused(tmp_path, "s3://bucket/m.zip", AccessError, by_worker=AccessError)


def test_a_disk_that_fails_for_a_moment_is_an_outage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.zip").write_bytes(b"PK")

    def fails(*_: object, **__: object) -> None:
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr("sparse_index.ml.model_zip.fsspec.open", fails)
    refused(tmp_path, str(tmp_path / "m.zip"), UnavailableError, by_worker=UnavailableError)


def test_a_folder_and_an_address_that_nothing_reads_are_mistakes_of_the_corpus_file(tmp_path: Path) -> None:
    archive = f"zip://model.zip::{tmp_path}/m.zip"
    for address in (str(tmp_path), "nosuch://host/m.zip", f"{tmp_path}/m.zip/inside", archive):
        (tmp_path / "m.zip").write_bytes(b"no zip")
        refused(tmp_path, address, ConfigError, by_worker=ModelError)
