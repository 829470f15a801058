"""Files and shards: what is found, what is refused, and in which words."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from plan_help import config_at, plan_shards, row, schema_of, write
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.dataset import data_set
from sparse_index.corpus.files import shard_files, source_files
from sparse_index.corpus.listing import list_parquet
from sparse_index.corpus.parquet import file_version, is_version, open_parquet, reading
from sparse_index.corpus.scan import scan_shard
from sparse_index.errors import AccessError, ConfigError, CorpusError, UnavailableError
from sparse_index.store.files import Store

NOBODY = 65534


@pytest.fixture
def config(tmp_path: Path) -> CorpusConfig:
    return config_at(tmp_path, source={"max_shards": 4})


@pytest.fixture
def corpus(config: CorpusConfig) -> Path:
    return Path(config.source.uri)


def table(folder: Path, columns: dict[str, Any], name: str = "a.parquet") -> None:
    pq.write_table(pa.table(columns), folder / name)


def scanned_ids(config: CorpusConfig, store: Store) -> list[str]:
    scans = [scan_shard(config, store, shard) for shard in plan_shards(config)]
    return [doc_id for scan in scans for doc_id in store.read_table(scan.manifest)["id"].to_pylist()]


def test_no_file_is_said(config: CorpusConfig, corpus: Path) -> None:
    (corpus / "_SUCCESS").touch()
    (corpus / ".hidden.parquet").touch()
    with pytest.raises(CorpusError, match=r"No Parquet file at .*corpus"):
        plan_shards(config)


def test_a_torn_row_group_is_named_when_it_is_read(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number, body="words " * 50 + str(number)) for number in range(200)], group_rows=100)
    path = corpus / "a.parquet"
    whole = bytearray(path.read_bytes())
    middle = pq.ParquetFile(path).metadata.row_group(1).column(2).data_page_offset
    whole[middle : middle + 300] = b"\xff" * 300
    path.write_bytes(whole)
    store = Store(config.store)
    with pytest.raises(CorpusError, match=r"a\.parquet, row group 1 cannot be read"):
        scanned_ids(config, store)
    assert len(store.files("things/manifests")) == 1


def test_a_page_whose_checksum_is_wrong_is_not_believed(config: CorpusConfig, corpus: Path) -> None:
    rows = pa.Table.from_pylist([row(number, body=f"body {number}") for number in range(100)])
    path = corpus / "a.parquet"
    pq.write_table(rows, path, compression="none", use_dictionary=False, write_page_checksum=True)
    path.write_bytes(path.read_bytes().replace(b"body 77", b"body 78", 1))
    with pytest.raises(CorpusError, match=r"(?i)row group 0 cannot be read.*crc"):
        scan_shard(config, Store(config.store), plan_shards(config)[0])


def test_zero_rows_change_nothing(config: CorpusConfig, corpus: Path) -> None:
    table(
        corpus, {"id": pa.array([], pa.string()), "title": pa.array([], pa.string()), "body": pa.array([], pa.string())}
    )
    with pytest.raises(CorpusError, match=r"has no rows\. Nothing is changed"):
        plan_shards(config)


def test_a_file_that_changes_under_the_run_is_noticed(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(1)])
    shard = plan_shards(config)[0]
    write(corpus, [row(2)])
    with pytest.raises(CorpusError, match=r"a\.parquet changed while the build was running"):
        scan_shard(config, Store(config.store), shard)
    (corpus / "a.parquet").unlink()
    with pytest.raises(CorpusError, match=r"a\.parquet is gone"):
        scan_shard(config, Store(config.store), shard)


def test_types_that_no_other_type_holds_name_both_files_and_each_column(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(1)])
    write(corpus, [{**row(2), "price": "dear", "extra": 1}], name="b.parquet")
    with pytest.raises(
        CorpusError,
        match=r"column 'price' is int64 in .*a\.parquet and string in .*b\.parquet\n.*Write the files with one",
    ):
        plan_shards(config)


def test_differences_that_do_not_matter_are_none(config: CorpusConfig, corpus: Path) -> None:
    table(corpus, {"id": ["1"], "title": pa.array(["a"]).dictionary_encode(), "body": ["b"], "price": pa.nulls(1)})
    table(
        corpus,
        {"price": [1], "title": pa.array(["a"], pa.large_string()), "id": ["2"], "body": pa.nulls(1)},
        "b.parquet",
    )
    schema = schema_of(config)
    assert {field.name: str(field.type) for field in schema} == {
        "id": "string",
        "title": "string",
        "body": "string",
        "price": "int64",
    }
    assert scanned_ids(config, Store(config.store)) == ["1", "2"]


def test_files_with_the_same_columns_share_one_schema(config: CorpusConfig, corpus: Path) -> None:
    """10,000 files of 200 columns: 276 MB with it, 696 MB without, at a limit of 512 MB."""
    for name in ("a", "b", "c"):
        table(
            corpus,
            {"id": [name], "title": ["t"], "body": ["b"], **({"more": [1]} if name == "c" else {})},
            f"{name}.parquet",
        )
    one, two, other = source_files(config.source, data_set(config.source, config.source.uri))
    assert one.schema is two.schema
    assert other.schema.names == [*one.schema.names, "more"]


def test_a_type_that_only_later_files_disagree_on_is_found(config: CorpusConfig, corpus: Path) -> None:
    for name, price in (("a", pa.nulls(1)), ("b", pa.array([1])), ("c", pa.array(["x"]))):
        table(corpus, {"id": [name], "title": ["t"], "body": ["b"], "price": price}, f"{name}.parquet")
    with pytest.raises(CorpusError, match=r"'price' is int64 in .*b\.parquet and string in .*c\.parquet"):
        plan_shards(config)


def test_all_column_problems_come_in_one_message(config: CorpusConfig, corpus: Path) -> None:
    columns = {
        "id": [1.5],
        "title": [["a", "list"]],
        "extra": [{"nested": 1}],
        "raw": [b"bytes"],
        "text_sparse": ["x"],
        "price.net": [1],
        "_source": ["x"],
    }
    table(corpus, columns)
    with pytest.raises(ConfigError) as caught:
        plan_shards(config)
    for part in (
        "missing columns body",
        "id column 'id' is double: it must be text or integer",
        "column 'title' is list<",
        "column 'extra': the type struct<nested: int64> does not become a field by itself: say in `index.fields`",
        "column 'raw': the type binary",
        "column 'text_sparse' has the name of a vector field",
        "column 'price.net' has a dot",
        "column '_source' is a field of OpenSearch's own",
    ):
        assert part in str(caught.value)


def test_unusable_columns_may_be_left_out(tmp_path: Path) -> None:
    config = config_at(tmp_path, source={"columns": ["title"]})
    table(tmp_path / "corpus", {"id": [1], "title": ["t"], "body": ["b"], "extra": [{"nested": 1}]})
    assert [shard.rows for shard in plan_shards(config)] == [1]


def test_shards_are_runs_of_row_groups_that_hold_every_row_once(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(21)], group_rows=2)
    shards = plan_shards(config)
    assert [shard.number for shard in shards] == list(range(len(shards)))
    assert [(shard.first_row_group, shard.row_groups, shard.rows) for shard in shards] == [
        (0, 3, 6),
        (3, 3, 6),
        (6, 3, 6),
        (9, 2, 3),
    ]


def test_many_small_files_share_a_shard(config: CorpusConfig, corpus: Path) -> None:
    for number in range(50):
        write(corpus, [row(number)], name=f"part-{number:03d}.parquet")
    write(corpus, [row(number) for number in range(100, 160)], name="part-025-large.parquet", group_rows=10)
    shards = plan_shards(config)
    assert len(shards) <= 2 * config.source.max_shards
    store = Store(config.store)
    rows = [
        item for shard in shards for item in store.read_table(scan_shard(config, store, shard).manifest).to_pylist()
    ]
    assert [item["id"] for item in rows] == [
        *(f"d{number}" for number in range(25)),
        *(f"d{number}" for number in range(100, 160)),
        *(f"d{number}" for number in range(25, 50)),
    ]
    assert sum(shard.rows for shard in shards) == len(rows)
    assert {item["file"] for item in rows} == {str(path) for path in corpus.iterdir()}


@pytest.mark.parametrize("change", ["rewrite", "remove", "add"])
def test_a_shard_of_many_files_notices_each_change(config: CorpusConfig, corpus: Path, change: str) -> None:
    for number in range(6):
        write(corpus, [row(number)], name=f"{number}.parquet")
    shard = plan_shards(config)[0]
    assert shard.files > 1
    if change == "rewrite":
        write(corpus, [row(9)], name="1.parquet")
    elif change == "remove":
        (corpus / "0.parquet").unlink()
    else:
        write(corpus, [row(9)], name="0a.parquet")
    with pytest.raises(CorpusError, match="changed while the build was running"):
        shard_files(config.source, shard)


def test_an_address_may_be_a_file_a_glob_or_elsewhere(tmp_path: Path) -> None:
    write(tmp_path / "corpus", [row(1)])
    write(tmp_path / "corpus", [row(2)], name="b.parquet")
    assert len(list_parquet(str(tmp_path / "corpus" / "a.parquet")).files) == 1
    assert len(list_parquet(f"{tmp_path}/*/b.par*").files) == 1
    memory = fsspec.filesystem("memory")
    memory.put(str(tmp_path / "corpus" / "a.parquet"), "/bucket/day/a.parquet")
    config = config_at(tmp_path, source={"uri": "memory://bucket/day"})
    (shard,) = plan_shards(config)
    assert shard.uri == "memory:///bucket/day/a.parquet"
    store = Store(config.store)
    assert store.read_table(scan_shard(config, store, shard).manifest)["id"].to_pylist() == ["d1"]


@pytest.mark.parametrize(
    ("uri", "folder"), [("day={data_date}", "day=2026-01-31"), ("{data_date:%Y/%m}/{data_date:%d}", "2026/01/31")]
)
def test_a_feed_s_address_names_the_day(tmp_path: Path, uri: str, folder: str) -> None:
    write(tmp_path / folder, [row(1)])
    config = config_at(tmp_path, kind="feed", source={"uri": f"{tmp_path}/{uri}", "columns": ["title"]})
    (shard,) = plan_shards(config, date(2026, 1, 31))
    assert shard.uri == f"{tmp_path}/{folder}/a.parquet"
    with pytest.raises(ValueError, match="needs a data date"):
        config.source.address(None)


@pytest.mark.parametrize(
    ("error", "ours", "words"),
    [
        (PermissionError("403"), AccessError, "no permission"),
        (ConnectionResetError("reset"), UnavailableError, "cannot be reached for now"),
        (TimeoutError("slow"), UnavailableError, "cannot be reached for now"),
        (FileNotFoundError("x"), CorpusError, "is gone"),
        (OSError("Corrupt snappy compressed data."), CorpusError, "torn"),
        (pa.ArrowInvalid("page"), CorpusError, "torn"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1"), UnavailableError, "cannot be reached for now"),
        (NoCredentialsError(), AccessError, "no permission .*locate credentials"),
    ],
)
def test_errors_of_storage_say_whether_trying_again_helps(error: Exception, ours: type, words: str) -> None:
    with pytest.raises(ours, match=f"s3://b/a.parquet, row group 3 .*{words}"), reading("s3://b/a.parquet", 3):
        raise error


@pytest.fixture
def strangers_folder() -> Iterator[Path]:
    """A folder that every account can reach, unlike those of `tmp_path`."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def as_a_stranger() -> Iterator[None]:
    administrator = os.geteuid() == 0
    if administrator:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if administrator:
            os.seteuid(0)


@pytest.mark.parametrize("locked", ["a.parquet", "."])
def test_what_may_not_be_read_is_neither_torn_nor_missing(strangers_folder: Path, locked: str) -> None:
    config = config_at(strangers_folder)
    corpus = Path(config.source.uri)
    write(corpus, [row(1)])
    (corpus / locked).chmod(0)
    with as_a_stranger(), pytest.raises(AccessError, match="no permission"):
        plan_shards(config)
    (corpus / locked).chmod(0o755)


@pytest.mark.parametrize("pattern", ["", "/**/*.parquet", "/*/a.parquet", "/*"])
def test_a_folder_that_may_not_be_listed_is_not_passed_over(strangers_folder: Path, pattern: str) -> None:
    """Its documents would be taken for deleted ones."""
    config = config_at(strangers_folder, source={"uri": f"{strangers_folder}/corpus{pattern}"})
    for country in ("AT", "DE"):
        folder = strangers_folder / "corpus" / f"country={country}"
        (folder / "month=1").mkdir(parents=True)
        write(folder, [row(1)])
        write(folder / "month=1", [row(2)])
    locked = strangers_folder / "corpus" / "country=AT" / ("" if pattern == "/*/a.parquet" else "month=1")
    locked.chmod(0)
    with as_a_stranger(), pytest.raises(AccessError, match="no permission"):
        plan_shards(config)
    locked.chmod(0o755)


def test_a_folder_beside_that_nobody_asked_for_may_be_closed(strangers_folder: Path) -> None:
    """Another team's, and a mounted disk's own."""
    corpus = strangers_folder / "corpus-1" / "day=1"
    for folder in (corpus, strangers_folder / "theirs", strangers_folder / "corpus-1" / "lost+found"):
        folder.mkdir(parents=True)
    write(corpus, [row(1)])
    write(strangers_folder / "corpus-[2]" / "day=1", [row(2)])
    closed = [strangers_folder / "theirs", strangers_folder / "corpus-1" / "lost+found"]
    for folder in closed:
        folder.chmod(0)
    with as_a_stranger():
        found = {
            pattern: list_parquet(f"{strangers_folder}/{pattern}").files
            for pattern in ("corpus-*/day=1/a.parquet", "corpus-?", "corpus-*/**/*.parquet", "*-1/*/a.parquet")
        }
    for folder in closed:
        folder.chmod(0o755)
    first, second = f"{corpus}/a.parquet", f"{strangers_folder}/corpus-[2]/day=1/a.parquet"
    assert found == {
        "corpus-*/day=1/a.parquet": sorted([first, second]),
        "corpus-?": [first],
        "corpus-*/**/*.parquet": sorted([first, second]),
        "*-1/*/a.parquet": [first],
    }


def test_a_folder_that_goes_while_it_is_listed_is_no_error(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(corpus, [row(1)])
    (corpus / "gone").mkdir()
    list_folder = os.scandir

    def scandir(path: str) -> Any:
        if str(path).endswith("/gone"):
            raise FileNotFoundError(path)
        return list_folder(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert list_parquet(str(corpus)).files == [str(corpus / "a.parquet")]


def test_reading_a_file_makes_no_new_version_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What sftp tells of a file has the time of the last read in it."""
    looks = itertools.count()

    class Remote(MemoryFileSystem):  # type: ignore[misc]
        protocol = "remote"

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return path.removeprefix("remote:/")

        def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
            return {**super().info(path, **kwargs), "mtime": self.changed, "time": next(looks)}

    monkeypatch.setattr(Remote, "changed", 1, raising=False)
    fsspec.register_implementation("remote", Remote, clobber=True)
    Remote().pipe_file("/a.parquet", b"PAR1")
    first = file_version("remote://a.parquet")
    assert file_version("remote://a.parquet") == first
    monkeypatch.setattr(Remote, "changed", 2)
    assert file_version("remote://a.parquet") != first


@pytest.fixture
def other_inodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a mount that numbers files as it meets them: no two looks tell the same."""
    inodes, told = itertools.count(), LocalFileSystem.info

    def info(self: LocalFileSystem, path: str, **kwargs: Any) -> dict[str, Any]:
        return {**told(self, path, **kwargs), "ino": next(inodes)}

    monkeypatch.setattr(LocalFileSystem, "info", info)


@pytest.mark.parametrize("files", [1, 6])
@pytest.mark.usefixtures("other_inodes")
def test_a_mount_that_numbers_files_anew_changes_none_of_them(config: CorpusConfig, corpus: Path, files: int) -> None:
    for number in range(files):
        write(corpus, [row(number)], name=f"{number}.parquet")
    store, days = Store(config.store), range(2)
    scans = [scan_shard(config, store, shard) for _ in days for shard in plan_shards(config)]
    assert [scan.is_new for scan in scans] == [True] * (len(scans) // 2) + [False] * (len(scans) // 2)


def test_a_version_that_a_former_release_wrote_is_still_that_file_until_it_changes(
    config: CorpusConfig, corpus: Path
) -> None:
    write(corpus, [row(1)])
    path = corpus / "a.parquet"
    found = path.stat()
    former = f"{found.st_size}-{found.st_mtime}-{found.st_ino}"
    assert is_version(str(path), former)
    with open_parquet(str(path), former) as parquet:
        assert parquet.metadata.num_rows == 1
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1_000_000))
    assert not is_version(str(path), former)
