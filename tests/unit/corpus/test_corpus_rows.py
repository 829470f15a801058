"""What becomes of a row: its id, its text, its fields and its hashes, for input of every kind."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plan_help import config_at, plan_shards, row, schema_of, write
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus import scan
from sparse_index.corpus.dataset import data_set
from sparse_index.corpus.files import source_files
from sparse_index.corpus.parquet import open_parquet
from sparse_index.corpus.place import Place
from sparse_index.corpus.rows import Document, batches_of_group, documents_at
from sparse_index.corpus.scan import scan_shard
from sparse_index.corpus.shards import Shard, ShardScan
from sparse_index.store.files import Store


@pytest.fixture
def config(tmp_path: Path) -> CorpusConfig:
    return config_at(tmp_path)


def documents(config: CorpusConfig, columns: dict[str, Any], **kinds: pa.DataType) -> list[Document]:
    """The rows of a file with these columns (title and body are filled in) as documents."""
    count = len(next(iter(columns.values())))
    filled = {"id": [f"d{number}" for number in range(count)], "title": ["t"] * count, "body": ["b"] * count} | columns
    arrays = {
        name: values if isinstance(values, pa.Array) else pa.array(values, kinds.get(name))
        for name, values in filled.items()
    }
    pq.write_table(pa.table(arrays), Path(config.source.uri) / "a.parquet")
    (file,) = source_files(config.source, data_set(config.source, config.source.uri))
    return list(
        documents_at(config, schema_of(config), [Place(file.uri, file.version, 0, number) for number in range(count)])
    )


def manifest(config: CorpusConfig) -> list[dict[str, Any]]:
    store = Store(config.store)
    tables = [store.read_table(scan_shard(config, store, shard).manifest) for shard in plan_shards(config)]
    return [item for table in tables for item in table.to_pylist()]


def test_integer_ids_are_written_as_text(config: CorpusConfig) -> None:
    assert [document.id for document in documents(config, {"id": [7, -1, None]})] == ["7", "-1", None]


@pytest.mark.parametrize(
    ("doc_id", "problem"),
    [("x" * 512, None), ("x" * 513, "id_too_long"), ("é" * 256, None), ("é" * 257, "id_too_long"), ("", "empty_id"),
     (None, "null_id"), (" ", None), ("a\x00b", None), ("🦊", None)],
)  # fmt: skip
def test_ids_that_cannot_be_a_document_id_are_found(
    config: CorpusConfig, doc_id: str | None, problem: str | None
) -> None:
    write(Path(config.source.uri), [{**row(1), "id": doc_id}])
    assert manifest(config)[0]["problem"] == problem


def test_bytes_that_are_no_utf8_harm_one_row_only(config: CorpusConfig) -> None:
    broken = pa.array([b"good", b"bad \xed\xa0\x80 end", None], pa.binary()).view(pa.string())
    texts = [document.text for document in documents(config, {"body": broken})]
    assert texts == ["t. good", "t. bad \ufffd\ufffd\ufffd end", "t. "]
    documents(config, {"id": pa.array([b"good", b"\xff"], pa.binary()).view(pa.string())})
    assert [item["problem"] for item in manifest(config)] == [None, "id_not_unicode"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("e\u0301", "t. \u00e9"),
        ("nul\x00 bell\x07 c1\x9b", "t. nul  bell  c1 "),
        ("tab\tline\nend\r\n", "t. tab\tline\nend\r\n"),
        ("👩\u200d🚀 日本語", "t. 👩\u200d🚀 日本語"),
        ("{title} {} }{", "t. {title} {} }{"),
        (None, "t. "),
    ],
)
def test_texts_are_cleaned_alike_however_they_were_typed(config: CorpusConfig, body: str | None, text: str) -> None:
    assert documents(config, {"body": [body, "x"]})[0].text == text


@pytest.mark.parametrize("blank", [None, "", " \n\t", "\u3000\u2003", "\x00\x07"])
def test_a_text_without_content_is_blank(config: CorpusConfig, blank: str | None) -> None:
    (document,) = documents(config, {"title": [blank], "body": [blank]}, title=pa.string(), body=pa.string())
    assert (document.text, document.text_hash) == (None, None)


def test_a_text_that_is_blank_up_to_its_cut_is_blank(tmp_path: Path) -> None:
    config = config_at(tmp_path, source={"max_text_chars": 4, "text_template": "{body}"})
    found = documents(config, {"body": ["     late", "words that go on"]})
    assert [(document.text, document.chars) for document in found] == [(None, 9), ("word", 16)]


@pytest.mark.parametrize(
    ("values", "kind", "text"),
    [
        ([7], pa.int32(), "7"),
        ([1.5], pa.float64(), "1.5"),
        ([True], pa.bool_(), "true"),
        ([date(2024, 2, 29)], pa.date32(), "2024-02-29"),
        ([Decimal("1.50")], pa.decimal128(9, 2), "1.50"),
        ([float("nan")], pa.float64(), ""),
    ],
)
def test_a_template_takes_numbers_and_dates(
    config: CorpusConfig, values: list[Any], kind: pa.DataType, text: str
) -> None:
    assert documents(config, {"body": values}, body=kind)[0].text == f"t. {text}"


EAST = timezone(timedelta(hours=2))
INSTANT = datetime(2024, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([True, None], pa.bool_(), [True, None]),
        ([1, None], pa.int8(), [1, None]),
        ([2**64 - 1], pa.uint64(), [2**64 - 1]),
        ([0.5, float("nan"), float("inf"), None], pa.float32(), [0.5, None, None, None]),
        ([Decimal("12.30"), None], pa.decimal128(9, 2), ["12.30", None]),
        ([INSTANT, None], pa.timestamp("s"), ["2024-01-02T03:04:05Z", None]),
        ([INSTANT], pa.timestamp("ns"), ["2024-01-02T03:04:05Z"]),
        ([INSTANT.replace(microsecond=500_000)], pa.timestamp("us"), ["2024-01-02T03:04:05.5Z"]),
        ([INSTANT.replace(second=10)], pa.timestamp("ms"), ["2024-01-02T03:04:10Z"]),
        ([INSTANT.replace(tzinfo=EAST)], pa.timestamp("us", tz="+02:00"), ["2024-01-02T01:04:05Z"]),
        ([datetime(2024, 1, 2, tzinfo=UTC)], pa.timestamp("ms", tz="Europe/Berlin"), ["2024-01-02T00:00:00Z"]),
        ([date(1969, 12, 31)], pa.date64(), ["1969-12-31"]),
        ([[1, None], [], None], pa.list_(pa.int64()), [[1, None], [], None]),
        ([[float("nan"), 1.0]], pa.large_list(pa.float64()), [[None, 1.0]]),
        ([[[INSTANT]], []], pa.list_(pa.list_(pa.timestamp("s"))), [[["2024-01-02T03:04:05Z"]], []]),
        (["a", None, "a"], pa.dictionary(pa.int8(), pa.string()), ["a", None, "a"]),
        ([["a"], None], pa.list_(pa.dictionary(pa.int32(), pa.string())), [["a"], None]),
        (["x"], pa.string_view(), ["x"]),
    ],
)
def test_fields_are_what_is_indexed(
    config: CorpusConfig, values: list[Any], kind: pa.DataType, expected: list[Any]
) -> None:
    array = pa.array(values, kind.value_type).cast(kind) if pa.types.is_dictionary(kind) else pa.array(values, kind)
    assert [document.fields["extra"] for document in documents(config, {"extra": array})] == expected


def test_instants_beyond_python_s_calendar_stop_nothing(config: CorpusConfig) -> None:
    late = pa.array([253402300800, 0], pa.int64()).cast(pa.timestamp("s"))
    assert [document.fields["at"] for document in documents(config, {"at": late})] == [
        "+10000-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
    ]


def test_the_unit_of_an_instant_does_not_change_the_hash(config: CorpusConfig) -> None:
    hashes = {
        documents(config, {"at": [INSTANT]}, at=pa.timestamp(unit))[0].row_hash for unit in ("s", "ms", "us", "ns")
    }
    assert len(hashes) == 1


def test_the_order_of_a_map_s_entries_does_not_change_the_hash(tmp_path: Path) -> None:
    """Who writes maps out of a shuffle gives them another order each day."""
    config = config_at(tmp_path, index={"fields": {"m": {"type": "object"}}})
    kind = pa.map_(pa.string(), pa.int64())
    one, other = (
        documents(config, {"id": ["d"], "m": [entries]}, m=kind)[0]
        for entries in ([("a", 1), ("b", 2)], [("b", 2), ("a", 1)])
    )
    assert (one.row_hash, one.fields["m"]) == (other.row_hash, {"a": 1, "b": 2})


def test_the_row_hash_covers_id_text_names_and_values(config: CorpusConfig) -> None:
    rows: list[dict[str, Any]] = [
        {"price": [1]},
        {"price": [2]},
        {"cost": [1]},
        {"price": [1], "id": ["other"]},
        {"price": [1], "body": ["other"]},
        {"price": pa.array([None], pa.int64())},
        {},
    ]
    hashes = [documents(config, {"id": ["d0"]} | columns)[0].row_hash for columns in rows]
    assert len(set(hashes)) == len(rows)
    assert documents(config, {"price": [1], "id": ["d0"]})[0].row_hash == hashes[0]


def test_only_listed_columns_are_fields_and_count(tmp_path: Path) -> None:
    config = config_at(tmp_path, source={"columns": ["title"]})
    first, second = (documents(config, {"price": [price]})[0] for price in (1, 2))
    assert first.fields == {"title": "t"}
    assert first.row_hash == second.row_hash


def test_scan_encode_and_index_see_the_same_documents(config: CorpusConfig) -> None:
    rows = [row(number, body=None if number % 7 == 0 else f"body {number}") for number in range(1_000)]
    write(Path(config.source.uri), rows, group_rows=600)
    scanned = manifest(config)
    chosen = [item for item in scanned if item["row"] % 3 == 0]
    found = list(documents_at(config, schema_of(config), map(Place.of, chosen)))
    assert [(item["id"], item["text_hash"], item["row_hash"], item["chars"]) for item in chosen] == [
        (document.id, document.text_hash, document.row_hash, document.chars) for document in found
    ]


def test_an_unchanged_shard_is_not_read_again(config: CorpusConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    write(Path(config.source.uri), [row(1)])
    (shard,) = plan_shards(config)
    store = Store(config.store)
    first = scan_shard(config, store, shard)
    monkeypatch.setattr("sparse_index.corpus.scan.open_parquet", None)
    assert scan_shard(config, store, shard) == first.model_copy(update={"is_new": False})
    promoted = shard.model_copy(update={"live_index": "another", "number": 1})
    assert not scan_shard(config, store, promoted).is_new, "after a promotion it is read as little"
    other = config.model_copy(update={"source": config.source.model_copy(update={"text_template": "{body}"})})
    with pytest.raises(TypeError):
        scan_shard(other, store, shard)


def test_long_rows_of_a_manifest_are_written_in_smaller_groups(
    config: CorpusConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Documents of thousands of passages would not fit into a task by the ten thousand."""
    monkeypatch.setattr(scan, "WRITE_BYTES", 1_000)
    write(Path(config.source.uri), [row(number) for number in range(9_000)])
    shard, store = plan_shards(config)[0], Store(config.store)
    found = scan_shard(config, store, shard).manifest
    assert store.metadata(found).num_row_groups > 1
    assert len(store.read_table(found)) == shard.rows


def test_what_a_former_versions_shard_does_not_say_stays_unsaid(config: CorpusConfig) -> None:
    """A run that waits while the package is upgraded: what was live when it began to read is not known, and not nothing."""
    write(Path(config.source.uri), [row(1)])
    (shard,) = plan_shards(config)
    pushed = shard.model_dump(mode="json", exclude={"live_index"})
    scan = scan_shard(config, Store(config.store), Shard.model_validate(pushed)).model_dump(
        mode="json", exclude_unset=True
    )
    assert "live_index" not in ShardScan.model_validate(scan).shard.model_fields_set
    assert "live_index" in Shard.model_validate(shard.model_dump(mode="json")).model_fields_set


@pytest.mark.parametrize("dictionary", [True, False])
def test_memory_is_bounded_by_batch_and_page_not_by_the_row_group(config: CorpusConfig, dictionary: bool) -> None:
    body = "x" * 1_000_000
    bodies = [body if dictionary else f"{number}{body}" for number in range(60)]
    table = pa.table({"id": [str(number) for number in range(60)], "title": ["t"] * 60, "body": bodies})
    # A page is read whole: Arrow's writer looks at its size once in so many rows. Compressed, it would be too small to be seen.
    path = Path(config.source.uri) / "a.parquet"
    pq.write_table(table, path, use_dictionary=dictionary, write_batch_size=4, compression="none")
    del table, bodies
    (file,) = source_files(config.source, data_set(config.source, config.source.uri))
    with open_parquet(file.uri, file.version) as parquet:
        before, largest = pa.total_allocated_bytes(), 0
        tracemalloc.start()
        for batch in batches_of_group(config, schema_of(config), lambda _: {}, parquet, file.uri, 0):
            largest = max(largest, pa.total_allocated_bytes() - before)
            assert len(batch) <= 60
        python = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # A text that every row repeats is stored once: only the limit of rows helps there, and only as Arrow has them.
    assert largest < (150_000_000 if dictionary else 50_000_000)
    assert python < 60_000_000
