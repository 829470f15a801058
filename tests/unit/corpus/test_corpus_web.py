"""A corpus behind a web server: a change is noticed by what the server says of the file, or the corpus is refused."""

from __future__ import annotations

import traceback
from base64 import b64encode
from pathlib import Path

import pytest

from misbehaving_servers import web_server
from plan_help import config_at, plan_shards, row, write
from sparse_index.corpus.parquet import file_version
from sparse_index.corpus.scan import scan_shard
from sparse_index.errors import AccessError, CorpusError, UnavailableError
from sparse_index.store.files import Store

MONDAY, TUESDAY = "Mon, 05 Jan 2026 06:00:00 GMT", "Tue, 06 Jan 2026 06:00:00 GMT"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"ETag": '"one"', "Last-Modified": MONDAY}, {"ETag": '"two"', "Last-Modified": MONDAY}),
        ({"Last-Modified": MONDAY}, {"Last-Modified": TUESDAY}),
    ],
    ids=["etag", "last modified"],
)
def test_a_file_that_changes_is_noticed(tmp_path: Path, before: dict[str, str], after: dict[str, str]) -> None:
    headers = dict(before)
    write(tmp_path, [row(1)])
    with web_server(tmp_path / "a.parquet", headers) as uri:
        config = config_at(tmp_path, source={"uri": uri})
        (shard,) = plan_shards(config)
        store = Store(config.store)
        scan = scan_shard(config, store, shard)
        assert store.read_table(scan.manifest)["id"].to_pylist() == ["d1"]
        store.delete(scan.manifest)
        headers.update(after)
        with pytest.raises(CorpusError, match=r"a\.parquet changed while the build was running"):
            scan_shard(config, store, shard)


def test_a_file_of_another_length_is_noticed(tmp_path: Path) -> None:
    headers = {"Last-Modified": MONDAY}
    write(tmp_path, [row(1)])
    with web_server(tmp_path / "a.parquet", headers) as uri:
        before = file_version(uri)
        write(tmp_path, [row(number) for number in range(50)])
        assert file_version(uri) != before


def test_a_server_that_tells_nothing_of_its_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [row(1)])
    with (
        web_server(tmp_path / "a.parquet", {}) as uri,
        pytest.raises(CorpusError, match=r"a\.parquet: its server sends neither ETag nor Last-Modified"),
    ):
        plan_shards(config_at(tmp_path, source={"uri": uri}))


@pytest.mark.parametrize("rows", [1, 5000], ids=["smaller than the first read", "larger"])
@pytest.mark.parametrize("habit", ["no head", "redirect", "gzip", "signed"])
def test_habits_of_servers_that_do_no_harm(tmp_path: Path, habit: str, rows: int) -> None:
    write(tmp_path, [row(number, body=f"{number * 7919} words") for number in range(rows)], group_rows=1000)
    with web_server(tmp_path / "a.parquet", {"ETag": '"one"'}, frozenset([habit])) as uri:
        config = config_at(tmp_path, source={"uri": uri})
        store = Store(config.store)
        scans = [scan_shard(config, store, shard) for shard in plan_shards(config)]
    tables = [store.read_table(scan.manifest) for scan in scans]
    assert sum(len(table) for table in tables) == rows
    assert {file for table in tables for file in table["file"].to_pylist()} == {uri.removesuffix("?sig=hush8041")}


@pytest.mark.parametrize("rows", [1, 5000])
@pytest.mark.parametrize("habits", [["whole"], ["whole", "gzip"], ["whole", "no head"]])
def test_a_server_that_knows_no_ranges_is_told_from_a_bad_file(tmp_path: Path, habits: list[str], rows: int) -> None:
    write(tmp_path, [row(number, body=f"{number * 7919} words") for number in range(rows)], group_rows=1000)
    with (
        web_server(tmp_path / "a.parquet", {"ETag": '"one"'}, frozenset(habits)) as uri,
        pytest.raises(CorpusError, match=r"whole files only.*Let the server answer range requests.*or copy"),
    ):
        plan_shards(config_at(tmp_path, source={"uri": uri}))


def test_an_expired_signature_is_no_missing_file_and_is_not_shown(tmp_path: Path) -> None:
    write(tmp_path, [row(1)])
    with web_server(tmp_path / "a.parquet", {"ETag": '"one"'}, frozenset(["signed"])) as uri:
        config = config_at(tmp_path, source={"uri": uri.replace("hush", "hush-of-yesterday")})
        with pytest.raises(AccessError, match=r"a\.parquet cannot be read: no permission.*may have expired") as caught:
            plan_shards(config)
        shown = "".join(traceback.format_exception(caught.value))
    assert "hush" not in shown


def test_a_server_that_is_down_or_overloaded_has_lost_no_file(tmp_path: Path) -> None:
    """The file system of the web tells of either as a missing file."""
    write(tmp_path, [row(1)])
    with web_server(tmp_path / "a.parquet", {"ETag": '"one"'}, frozenset(["overloaded"])) as uri:
        config = config_at(tmp_path, source={"uri": uri.replace("://", "://reader:hush8041@")})
        with pytest.raises(UnavailableError, match=r"a\.parquet cannot be reached for now.*503") as caught:
            plan_shards(config)
        shown = "".join(traceback.format_exception(caught.value))
    assert not any(secret in shown for secret in ("hush8041", b64encode(b"reader:hush8041").decode()))
    with pytest.raises(UnavailableError, match=r"a\.parquet cannot be reached for now"):
        plan_shards(config)
