"""Instants as Spark, Hive and Impala write them: 96 bits wide, or in the calendar of Julius Caesar."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plan_help import config_at
from sparse_index.corpus.as_json import instants
from sparse_index.corpus.int96 import exact_batches, int96_columns
from sparse_index.corpus.parquet import file_version, parquet_file
from sparse_index.corpus.place import Place
from sparse_index.corpus.rows import Document, documents_at
from sparse_index.corpus.schema import Typed, decide
from sparse_index.errors import ConfigError, CorpusError

SPARK = Path(__file__).parents[2] / "support" / "corpora" / "spark"
LARGEST = 2**63 - 1


def values(folder: Path, path: Path, column: str) -> list[Any]:
    """The column's values as they are indexed."""
    config = config_at(folder, source={"text_template": "{id}", "columns": [column]})
    with parquet_file(str(path)) as parquet:
        schema = decide(config, [Typed(str(path), parquet.schema_arrow)], None, anew=True).schema
        rows = range(parquet.metadata.num_rows)
    places = (Place(str(path), file_version(str(path)), 0, row) for row in rows)
    return [document.fields[column] for document in documents_at(config, schema, places)]


def int96(path: Path, instants: pa.Array) -> Path:
    table = pa.table({"id": [str(number) for number in range(len(instants))], "at": instants})
    pq.write_table(table, path, use_deprecated_int96_timestamps=True, store_schema=False)
    assert pq.ParquetFile(path).schema.column(1).logical_type.type == "NONE"
    return path


@pytest.mark.parametrize("unit", ["int96", "timestamp_micros", "timestamp_millis"])
def test_spark_s_instants_keep_every_year(tmp_path: Path, unit: str) -> None:
    digits = "" if unit == "timestamp_millis" else "456"
    last = "999" if unit == "timestamp_millis" else "999999"
    assert values(tmp_path, SPARK / f"instants-{unit}.parquet", "at") == [
        f"2024-02-29T12:30:00.123{digits}Z",
        f"9999-12-31T23:59:59.{last}Z",
        "0001-01-01T00:00:00Z",
        "1600-01-01T00:00:00Z",
        "2300-06-01T00:00:00Z",
        None,
    ]


def test_instants_of_96_bits_keep_their_nanoseconds_where_these_reach(tmp_path: Path) -> None:
    path = int96(tmp_path / "a.parquet", pa.array([0, 1, LARGEST, 1 - LARGEST, None], pa.timestamp("ns")))
    assert values(tmp_path, path, "at") == [
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00.000000001Z",
        "2262-04-11T23:47:16.854775807Z",
        "1677-09-21T00:12:43.145224194Z",
        None,
    ]


def both_units(*nanoseconds: int, kind: Callable[[pa.Array], pa.Array] = lambda array: array) -> list[pa.RecordBatch]:
    """What Arrow reads of instants so many nanoseconds from 1970: as microseconds, and as nanoseconds that wrap."""
    wrapped = [(number + 2**63) % 2**64 - 2**63 for number in nanoseconds]
    units = {"us": [number // 1000 for number in nanoseconds], "ns": wrapped}
    return [
        pa.record_batch({"at": kind(pa.array(numbers, pa.int64()).cast(pa.timestamp(unit)))})
        for unit, numbers in units.items()
    ]


def test_nanoseconds_and_far_years_may_stand_side_by_side() -> None:
    year_9999 = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp()) * 10**9
    coarse, fine = both_units(1, 2, year_9999, 3, -year_9999)
    batches = list(exact_batches([coarse], [fine], "here"))
    assert [(len(batch), batch.column("at").type.unit) for batch in batches] == [
        (2, "ns"),
        (1, "us"),
        (1, "ns"),
        (1, "us"),
    ]
    texts = [text for batch in batches for text in instants(batch.column("at")).values]
    assert [text[:4] for text in texts] == ["1970", "1970", "9999", "1970", "-606"]
    assert texts[1] == "1970-01-01T00:00:00.000000002Z"


def test_without_nanoseconds_nothing_is_divided() -> None:
    coarse, fine = both_units(1_000, 10**20)
    assert list(exact_batches([coarse], [fine], "here")) == [coarse]


@pytest.mark.parametrize(
    ("batches", "where"),
    [
        (both_units(10**20 + 1), "outside the years 1677 to 2262"),
        (both_units(1, kind=lambda array: pa.ListArray.from_arrays([0, 1], array)), "within lists or structs"),
        (both_units(1, kind=lambda array: pa.StructArray.from_arrays([array], ["x"])), "within lists or structs"),
    ],
)
def test_nanoseconds_that_nothing_keeps_stop_the_run(batches: list[pa.RecordBatch], where: str) -> None:
    with pytest.raises(CorpusError, match=f"a.parquet, row group 3: INT96 timestamps {where} have digits"):
        list(exact_batches(batches[:1], batches[1:], "a.parquet, row group 3"))


def test_days_of_the_julian_calendar_are_the_dates_that_were_meant(tmp_path: Path) -> None:
    """Files of Spark in its LEGACY mode, which count 0001-01-01 two days earlier."""
    assert values(tmp_path, SPARK / "old-calendar-days.parquet", "day") == ["0001-01-01"]
    for name in ("old-calendar-instants", "old-calendar-int96"):
        found = values(tmp_path, SPARK / f"{name}.parquet", "at")
        assert found == [
            "2024-02-29T12:30:00.123456Z",
            "9999-12-31T23:59:59.999999Z",
            "0001-01-01T00:00:00Z",
            "1600-01-01T00:00:00Z",
            "2300-06-01T00:00:00Z",
            None,
        ]


def julian(path: Path, column: pa.Array, **said: str) -> Path:
    metadata = {"org.apache.spark.version": "2.4.8"} | {
        f"org.apache.spark.{name}": value for name, value in said.items()
    }
    table = pa.table({"id": ["0"], "at": column})
    with pq.ParquetWriter(path, table.schema, store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(metadata)
    return path


@pytest.mark.parametrize(
    ("day", "meant"),
    [
        (-719164, "0001-01-01"),
        (-682945, "0100-03-01"),
        (-141428, "1582-10-04"),
        (-141427, "1582-10-15"),
        (-171595, "1500-03-01"),
        (0, "1970-01-01"),
    ],
)
def test_every_day_of_the_old_calendar_has_its_namesake(tmp_path: Path, day: int, meant: str) -> None:
    path = julian(tmp_path / "a.parquet", pa.array([day], pa.int32()).cast(pa.date32()))
    assert values(tmp_path, path, "at") == [meant]


@pytest.mark.parametrize(
    ("version", "meant"), [("2.4.8", "0001-01-01"), ("3.5.0", "0000-12-30"), ("10.0.0", "0000-12-30")]
)
def test_only_the_first_versions_of_spark_counted_so(tmp_path: Path, version: str, meant: str) -> None:
    day = pa.array([-719164], pa.int32()).cast(pa.date32())
    assert values(tmp_path, julian(tmp_path / "a.parquet", day, version=version), "at") == [meant]


OLD, NEW = "0001-01-01T00:00:00Z", "0000-12-30T00:00:00Z"
DAY, WIDE = "org.apache.spark.legacyDateTime", "org.apache.spark.legacyINT96"


@pytest.mark.parametrize(
    ("version", "flags", "day", "wide"),
    [
        ("2.4.8", [], OLD, OLD),
        ("3.0.3", [], NEW, OLD),
        ("3.1.0", [], NEW, NEW),
        ("3.5.0", [DAY], OLD, NEW),
        ("3.5.0", [WIDE], NEW, OLD),
        ("3.5.0", [DAY, WIDE], OLD, OLD),
    ],
)
def test_spark_says_of_each_kind_of_column_how_it_counts(
    tmp_path: Path, version: str, flags: list[str], day: str, wide: str
) -> None:
    """Until 3.0 it wrote timestamps of 96 bits as before without saying so; each kind has a mode of its own."""
    instant = pa.array([-719164 * 86_400_000_000], pa.timestamp("us"))
    said = {"org.apache.spark.version": version, "org.apache.spark.timeZone": "UTC"} | dict.fromkeys(flags, "")
    table, path = pa.table({"id": ["0"], "day": instant, "wide": instant}), tmp_path / "a.parquet"
    with pq.ParquetWriter(path, table.schema, store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(said)
    assert values(tmp_path, path, "day") == [day]
    with pq.ParquetWriter(path, table.schema, store_schema=False, use_deprecated_int96_timestamps=True) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(said)
    assert values(tmp_path, path, "wide") == [wide]


def test_dates_within_lists_are_known_where_only_timestamps_of_96_bits_count_old_days(tmp_path: Path) -> None:
    days = pa.array([[-719162]], pa.list_(pa.int32())).cast(pa.list_(pa.date32()))
    assert values(tmp_path, julian(tmp_path / "a.parquet", days, version="3.0.3"), "at") == [["0001-01-01"]]


def test_a_column_of_96_bits_may_have_a_dot_in_its_name(tmp_path: Path) -> None:
    table = pa.table({"id": ["0"], "ts.utc": pa.array([1], pa.timestamp("ns")), "ts": ["x"]})
    pq.write_table(table, tmp_path / "a.parquet", use_deprecated_int96_timestamps=True, store_schema=False)
    with parquet_file(str(tmp_path / "a.parquet")) as parquet:
        assert int96_columns(parquet, ["id", "ts", "ts.utc"]) == ["ts.utc"]


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (pa.array([datetime(1850, 1, 1)], pa.timestamp("us")), "written in another zone than UTC, before 1900"),
        (pa.array([[date(1500, 1, 1)]], pa.list_(pa.date32())), "within lists or structs"),
        (pa.array([date(1, 1, 1).toordinal() - 719163 - 400], pa.int32()).cast(pa.date32()), "before the year 1"),
    ],
)
def test_old_dates_that_cannot_be_known_stop_the_run(tmp_path: Path, column: pa.Array, why: str) -> None:
    path = julian(tmp_path / "a.parquet", column, timeZone="Europe/Berlin")
    with pytest.raises(CorpusError, match=f"a.parquet, row group 0, column 'at' holds .*{why}"):
        values(tmp_path, path, "at")


def test_spark_s_other_types_are_kept_or_named(tmp_path: Path) -> None:
    """Both layouts of Spark (lists and decimals of Hive's time, too); what is expected stands in write_spark_files.py."""
    for name in ("types", "types-legacy"):
        found = spark_types(tmp_path, SPARK / f"{name}.parquet")
        first, second, third = found
        assert first.problem is None
        assert first.fields == SPARK_FIRST | {"f": -0.0}
        assert second.problem == "'raw': bytes that are no UTF-8"
        assert second.fields | {"raw": None} == SPARK_SECOND
        # d: Infinity, money and wide: digits that a double loses; big is declared a keyword.
        assert third.problem == "'d': infinity"
        assert (third.fields["f"], third.fields["big"]) == (None, "12345678901234567890123456789012345678")


def spark_types(folder: Path, path: Path) -> list[Document]:
    declared = {
        "raw": {"type": "keyword"},
        "big": {"type": "keyword"},
        "object": {"type": "object"},
        "objects": {"type": "nested"},
        "map": {"type": "object"},
    }
    config = config_at(folder, source={"text_template": "{body}"}, index={"fields": declared})
    with parquet_file(str(path)) as parquet:
        schema = decide(config, [Typed(str(path), parquet.schema_arrow)], None, anew=True).schema
    places = (Place(str(path), file_version(str(path)), 0, row) for row in range(3))
    return list(documents_at(config, schema, places))


SPARK_FIRST: dict[str, Any] = {
    "id": "r0",
    "body": "r0",
    "tiny": -128,
    "small": -32768,
    "whole": -2147483648,
    "large": -(2**63),
    "f": -0.0,
    "d": 5e-324,
    "money": "0.01",
    "wide": "1.500000000000000000",
    "big": "9007199254740991",
    "yes": True,
    "day": "0001-01-01",
    "raw": "é",
    "list": [1, None],
    "object": {"a": 1, "b": "x"},
    "objects": [{"a": 1}],
    "map": {"k": 1.5},
    "local": "2024-02-29T12:30:00Z",
}
SPARK_SECOND: dict[str, Any] = {
    "id": "r1",
    "body": "r1",
    "tiny": 127,
    "small": 32767,
    "whole": 2147483647,
    "large": 2**63 - 1,
    "f": 0.10000000149011612,
    "d": 1.7976931348623157e308,
    "money": "-9999999999999.99",
    "wide": "0.100000000000000000",
    "big": "1000000000000000000000",
    "yes": False,
    "day": "9999-12-31",
    "raw": None,
    "list": [],
    "object": {"a": None, "b": None},
    "objects": [None],
    "map": {},
    "local": "9999-12-31T23:59:59.999999Z",
}


def test_a_variant_of_spark_is_refused_by_name(tmp_path: Path) -> None:
    config = config_at(tmp_path, source={"text_template": "{id}"})
    with (
        parquet_file(str(SPARK / "variant.parquet")) as parquet,
        pytest.raises(ConfigError, match="column 'v': the type struct<"),
    ):
        decide(config, [Typed("variant.parquet", parquet.schema_arrow)], None, anew=True)
