"""Secrets of an address: taken out wherever it is written down, put back where a file is opened."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from plan_help import config_at
from sparse_index.addresses import hide_secrets, public_address, with_secret
from sparse_index.errors import UnavailableError
from sparse_index.store.filesystems import filesystem_at


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("/data/what?/x [1].parquet", "/data/what?/x [1].parquet"),
        ("s3://bucket/a/part-?.parquet", "s3://bucket/a/part-?.parquet"),
        ("https://host/a.parquet?sv=1&sig=abc%3D", "https://host/a.parquet"),
        ("https://host?sig=abc", "https://host"),
        ("https://token@host:8443/a.parquet", "https://host:8443/a.parquet"),
        ("ftp://me:p@ss@host/a", "ftp://me@host/a"),
        ("sftp://me@host/a", "sftp://me@host/a"),
        ("abfs://container@account.dfs.core.windows.net/a", "abfs://container@account.dfs.core.windows.net/a"),
        ("simplecache::https://host/a.parquet?sig=abc", "simplecache::https://host/a.parquet"),
    ],
)
def test_the_public_form_has_no_secret(address: str, public: str) -> None:
    assert public_address(address) == public
    assert with_secret(public, address) == address


def test_secrets_are_for_all_addresses_of_their_host() -> None:
    assert with_secret("ftp://me@host/a/b.parquet", "ftp://me:pw@host/a") == "ftp://me:pw@host/a/b.parquet"
    assert with_secret("https://host/a/b.parquet", "https://me:pw@host/a/") == "https://me:pw@host/a/b.parquet"
    assert with_secret("ftp://me@other/a/b.parquet", "ftp://me:pw@host/a") == "ftp://me@other/a/b.parquet"
    assert with_secret("https://host/b.parquet", "https://host/{data_date}?sig=abc") == "https://host/b.parquet?sig=abc"
    assert with_secret("https://other/b.parquet", "https://host/a.parquet?sig=abc") == "https://other/b.parquet"
    assert with_secret("/a/b.parquet", "/a") == "/a/b.parquet"


def test_the_query_that_a_former_version_stored_gives_way_to_the_one_of_today() -> None:
    stored, source = "https://host/day=1/b.parquet?sig=expired", "https://host/day={data_date}?sig=abc"
    assert with_secret(stored, source) == "https://host/day=1/b.parquet?sig=abc"


def test_what_a_library_says_is_made_public() -> None:
    said = "ClientResponseError: 403, url='https://me:pw@host/a.parquet?sig=abc' (and sftp://you:pw@host/x)"
    assert hide_secrets(said) == "ClientResponseError: 403, url='https://host/a.parquet' (and sftp://you@host/x)"
    assert hide_secrets("no route to ftp://me:p'w)d@host/x (ftp://host)") == "no route to ftp://me@host/x (ftp://host)"


@pytest.mark.parametrize(
    "address", ["ftp://me:hush@127.0.0.1:1/a", "zip://a.parquet::http://127.0.0.1:1/a.zip?sig=hush"]
)
def test_a_file_system_that_connects_at_once_and_cannot_is_told_without_secrets(address: str) -> None:
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1.* cannot be reached") as told:
        filesystem_at(address)
    assert "hush" not in "".join(traceback.format_exception(told.value)).replace(address, "")


def test_a_configuration_is_dumped_and_shown_without_its_secrets(tmp_path: Path) -> None:
    model = {"source": "url", "name": "m", "version": "1", "url": "https://host/m.zip?sig=hush", "sha256": "0" * 64}
    config = config_at(
        tmp_path, store="sftp://me:hush@host/s", source={"uri": "https://host/a?sig=hush"}, encoder={"model": model}
    )
    assert config.source.uri.endswith("hush")
    assert "hush" not in config.model_dump_json() + str(config.model_dump()) + repr(config)
