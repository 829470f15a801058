"""Which files below an address are the data, and which are named as left out, or refused as a table's."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from plan_help import config_at, plan_shards, planned, row, write
from sparse_index.corpus.dataset import data_set
from sparse_index.corpus.files import source_files
from sparse_index.corpus.listing import list_parquet
from sparse_index.errors import CorpusError, UnavailableError

# (pattern or folder, files that are there, those that are data, those that are named as left out)
LISTINGS = {
    "spark that is still writing": (
        "d",
        ["d/part-0.snappy.parquet", "d/_temporary/0/_temporary/attempt_1/part-0.snappy.parquet"],
        ["d/part-0.snappy.parquet"],
        ["d/_temporary/0/_temporary/attempt_1/part-0.snappy.parquet"],
    ),
    "staging, notebooks, hidden files": (
        "d",
        [
            "d/a.parquet",
            "d/.hive-staging_1/-ext-1/a.parquet",
            "d/.ipynb_checkpoints/a-checkpoint.parquet",
            "d/_a.parquet",
        ],
        ["d/a.parquet"],
        ["d/.hive-staging_1/-ext-1/a.parquet", "d/.ipynb_checkpoints/a-checkpoint.parquet", "d/_a.parquet"],
    ),
    "a partition's key may begin with _": ("d", ["d/_year=2026/a.parquet"], ["d/_year=2026/a.parquet"], []),
    "hidden above the address": ("_old/.d", ["_old/.d/a.parquet"], ["_old/.d/a.parquet"], []),
    "hidden and asked for": (
        "d/_x*/*",
        ["d/_x1/a.parquet", "d/_x1/_a.parquet"],
        ["d/_x1/a.parquet"],
        ["d/_x1/_a.parquet"],
    ),
    "never by two stars": ("d/**", ["d/_x1/a.parquet", "d/b.parquet"], ["d/b.parquet"], ["d/_x1/a.parquet"]),
    "endings that say nothing": (
        "d",
        ["d/a.parq", "d/B.PARQUET", "d/c.parquet.snappy", "d/20260101_000001_x", "d/e.pq", "d/f.parquet"],
        ["d/20260101_000001_x", "d/B.PARQUET", "d/a.parq", "d/c.parquet.snappy", "d/e.pq", "d/f.parquet"],
        [],
    ),
    "spark's folders under a glob": (
        "out/*.parquet",
        ["out/1.parquet/part-0.parquet", "out/2.parquet/part-0.parquet", "out/2.parquet/_temporary/x.parquet"],
        ["out/1.parquet/part-0.parquet", "out/2.parquet/part-0.parquet"],
        ["out/2.parquet/_temporary/x.parquet"],
    ),
    "brackets: a folder": ("export [final]", ["export [final]/a.parquet"], ["export [final]/a.parquet"], []),
    "brackets: a file": ("x [1].parquet", ["x [1].parquet", "x 1.parquet"], ["x [1].parquet"], []),
    "brackets: a glob below": ("export [final]/*", ["export [final]/a.parquet"], ["export [final]/a.parquet"], []),
    "a question mark": ("what?", ["what?/a.parquet", "whats/b.parquet"], ["what?/a.parquet"], []),
    "a glob still is one": ("wha[rt]s/?.parquet", ["whats/b.parquet"], ["whats/b.parquet"], []),
}


@pytest.mark.parametrize("scheme", ["", "memory://"])
@pytest.mark.parametrize(("uri", "there", "data", "left_out"), LISTINGS.values(), ids=LISTINGS)
def test_what_is_data(
    tmp_path: Path, scheme: str, uri: str, there: list[str], data: list[str], left_out: list[str]
) -> None:
    root = f"{scheme}{tmp_path}"
    for name in there:
        write(tmp_path / Path(name).parent, [row(1)], Path(name).name)
    if scheme:
        fsspec.filesystem("memory").put(f"{tmp_path}/", f"{tmp_path}/", recursive=True)
    listing = list_parquet(f"{root}/{uri}")
    assert [name.removeprefix(f"{root}/") for name in listing.files] == sorted(data)
    assert [name.removeprefix(f"{root}/") for name in listing.left_out] == sorted(left_out)


def test_other_files_are_named_not_read(tmp_path: Path) -> None:
    write(tmp_path, [row(1)])
    for name in ("_SUCCESS", ".a.parquet.crc", "orders.csv", "readme"):
        (tmp_path / name).write_text("id,title\n")
    (tmp_path / "link").symlink_to(tmp_path)
    listing = list_parquet(str(tmp_path))
    assert listing.files == [f"{tmp_path}/a.parquet"]
    assert listing.left_out == [f"{tmp_path}/{name}" for name in ("link", "orders.csv", "readme")]
    (note,) = listing.notes(str(tmp_path))
    assert note.endswith(f"were not read: {tmp_path}/link, {tmp_path}/orders.csv, {tmp_path}/readme")
    assert note in planned(config_at(tmp_path, source={"uri": str(tmp_path)}, store=f"{tmp_path}-store")).notes
    (tmp_path / "a.parquet").unlink()
    with pytest.raises(CorpusError, match=r"No Parquet file at .* \(there are .*orders\.csv"):
        list_parquet(str(tmp_path))


def test_empty_objects_of_an_object_store_are_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A range of an object of 0 bytes is an error there; one whose name ends in a slash stands for a folder."""
    write(tmp_path, [row(1)])
    memory = fsspec.filesystem("memory")
    memory.put(f"{tmp_path}/", f"{tmp_path}/", recursive=True)
    memory.touch(f"{tmp_path}/DONE")
    whole, find = memory.cat_file, memory.find

    def cat_file(self: object, path: str, start: int | None = None, end: int | None = None) -> bytes:
        if start is not None and memory.size(path) == 0:
            raise OSError(22, "InvalidRange: The requested range is not satisfiable")
        return bytes(whole(path, start, end))

    monkeypatch.setattr(type(memory), "cat_file", cat_file)
    monkeypatch.setattr(type(memory), "find", lambda _, path: [f"{path}/", *find(path)])
    listing = list_parquet(f"memory://{tmp_path}")
    assert [Path(name).name for name in (*listing.files, *listing.left_out)] == ["a.parquet", "DONE"]


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("_delta_log/00000000000000000000.json", "Delta Lake.*source.format: delta"),
        ("metadata/v3.metadata.json", "Iceberg.*source.format: iceberg"),
        (".hoodie/hoodie.properties", "Hudi.*cannot be read"),
    ],
)
@pytest.mark.parametrize("uri", ["t", "t/day=1", "t/day=1/a.parquet", "t/day=*/*.parquet", "t/*", "*/*/*.parquet", "."])
def test_a_table_s_files_are_refused_wherever_the_address_points(
    tmp_path: Path, mark: str, words: str, uri: str
) -> None:
    write(tmp_path / "t/day=1", [row(1)])
    (tmp_path / "t" / mark).parent.mkdir(parents=True)
    (tmp_path / "t" / mark).write_text("{}")
    with pytest.raises(CorpusError, match=f"{tmp_path}/t belongs to a table of {words}"):
        list_parquet(str(tmp_path / uri) if uri != "." else str(tmp_path))


@pytest.mark.parametrize("uri", ["t", "t/a.parquet", "t/*.parquet", "t/[ab].par*"])
def test_a_role_for_the_corpus_own_prefix_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    """As object stores do: what is no object, or is elsewhere, is forbidden, whether it is there or not."""
    write(tmp_path / "t", [row(1)])
    local = fsspec.filesystem("file")
    ls = local.ls
    error: OSError = PermissionError("Forbidden")

    def exists(_: object, path: str) -> bool:
        if path.endswith("a.parquet"):
            return True
        raise error

    def listed(_: object, path: str, **options: Any) -> Any:
        if not path.startswith(f"{tmp_path}/t"):
            raise error
        return ls(path, **options)

    monkeypatch.setattr(type(local), "exists", exists)
    monkeypatch.setattr(type(local), "ls", listed)
    assert list_parquet(f"{tmp_path}/{uri}").files == [f"{tmp_path}/t/a.parquet"]
    error = ConnectionResetError("reset")
    with pytest.raises(UnavailableError, match="cannot be reached for now"):
        list_parquet(f"{tmp_path}/{uri}")


def test_what_a_stream_of_spark_wrote_is_read_with_a_note(tmp_path: Path) -> None:
    write(tmp_path, [row(1)])
    (tmp_path / "_spark_metadata").mkdir()
    (tmp_path / "_spark_metadata/0").write_text("v1")
    (note,) = list_parquet(str(tmp_path)).notes(str(tmp_path))
    assert "was written by a stream of Spark" in note
    assert "what a batch that failed left there is read" in note


def test_a_folder_of_the_name_metadata_makes_no_table(tmp_path: Path) -> None:
    write(tmp_path / "metadata", [row(1)])
    (tmp_path / "metadata" / "schema.json").write_text("{}")
    assert list_parquet(str(tmp_path)).files == [f"{tmp_path}/metadata/a.parquet"]


def encrypted(path: Path, *, plaintext_footer: bool) -> None:
    class Keys(pe.KmsClient):  # type: ignore[misc]  # pyarrow has no types
        def wrap_key(self, key_bytes: bytes, _: str) -> bytes:
            return key_bytes

    config = pe.EncryptionConfiguration(
        footer_key="f", column_keys={"c": ["body"]}, plaintext_footer=plaintext_footer, double_wrapping=False
    )
    properties = pe.CryptoFactory(lambda _: Keys()).file_encryption_properties(pe.KmsConnectionConfig(), config)
    table = pa.Table.from_pylist([row(1)])
    with pq.ParquetWriter(path, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)


def test_each_file_that_cannot_be_opened_is_called_what_it_is(tmp_path: Path) -> None:
    source = config_at(tmp_path).source
    path = tmp_path / "corpus" / "a.parquet"
    write(path.parent, [row(number) for number in range(50)])
    whole = path.read_bytes()

    def said() -> str:
        with pytest.raises(CorpusError) as caught:
            source_files(source, data_set(source, source.uri))
        return caught.value.message.removeprefix(f"{path} ")

    path.write_bytes(b"")
    assert said().startswith("is empty (0 bytes): it is still being written")
    for kept in (10, 500):
        path.write_bytes(whole[:kept])
        assert said().startswith("has no end: it is torn, or still being written")
    path.write_bytes(whole[:-20] + b"\xff" * 12 + whole[-8:])
    assert "The file is torn or no Parquet" in said()
    path.write_bytes(gzip.compress(whole))
    assert "The file is torn or no Parquet" in said()
    encrypted(path, plaintext_footer=False)
    assert said().startswith("is encrypted")


def test_an_encrypted_column_is_no_torn_one(tmp_path: Path) -> None:
    config = config_at(tmp_path)
    encrypted(tmp_path / "corpus" / "a.parquet", plaintext_footer=True)
    with pytest.raises(CorpusError, match=r"a\.parquet has columns that are encrypted"):
        plan_shards(config)
