"""Ids of documents to forget: the same documents, whichever file names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from build_plans import corpus_config
from sparse_index.errors import ConfigError
from sparse_index.operations.given_ids import given_ids

CONFIG = corpus_config("things")


def parquet(path: Path, values: list[Any], kind: pa.DataType, column: str = "id") -> str:
    pq.write_table(pa.table({column: pa.array(values, kind), "name": ["x"] * len(values)}), path)
    return str(path)


def test_each_id_once_wherever_it_is_named(tmp_path: Path) -> None:
    text = tmp_path / "ids"
    text.write_bytes("\ufeffb\r\n\r\n a \nä\u2028ö\nb".encode())
    assert given_ids(CONFIG, ["z", "", "b"], str(text)).to_pylist() == [" a ", "b", "z", "ä\u2028ö"]
    table = tmp_path / "ids.CSV"
    table.write_text('name,id\nx,007\ny,"a,b"\nz,\n')
    assert given_ids(CONFIG, address=str(table)).to_pylist() == ["007", "a,b"]
    numbers = parquet(tmp_path / "ids.parquet", [7, 12, None, 7], pa.int64())
    assert given_ids(CONFIG, address=numbers).to_pylist() == ["12", "7"]
    with fsspec.open("memory://asked/ids.txt", "wb") as file:
        file.write(b"far\n")
    assert given_ids(CONFIG, address="memory://asked/ids.txt").to_pylist() == ["far"]


def test_of_a_parquet_file_nothing_but_the_ids_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ids.parquet"
    pq.write_table(pa.table({"id": ["a"], "text": ["a long one"]}), path, compression="zstd", use_dictionary=False)
    column = pq.ParquetFile(path).metadata.row_group(0).column(1)
    content = bytearray(path.read_bytes())
    content[column.data_page_offset : column.data_page_offset + column.total_compressed_size] = b"\0" * (
        column.total_compressed_size
    )
    path.write_bytes(content)
    assert given_ids(CONFIG, address=str(path)).to_pylist() == ["a"]


def test_a_file_without_ids_is_an_error_that_says_what_is_needed(tmp_path: Path) -> None:
    other = parquet(tmp_path / "other.parquet", ["a"], pa.string(), column="key")
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(b"PAR1")
    latin = tmp_path / "latin.txt"
    latin.write_bytes(b"\xe4\n")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("key\na\n")
    for address in (other, str(torn), str(latin), str(wrong), str(tmp_path / "nowhere.txt"), "nosuch://bucket/ids"):
        with pytest.raises(ConfigError):
            given_ids(CONFIG, address=address)
    with pytest.raises(ConfigError, match="needs the column 'id'; any other file has one id a line"):
        given_ids(CONFIG, address=other)
    empty = tmp_path / "empty.txt"
    empty.write_text("\n\n")
    for arguments in ({}, {"ids": [""]}, {"address": str(empty)}):
        with pytest.raises(ConfigError, match="No ids were given"):
            given_ids(CONFIG, **arguments)
