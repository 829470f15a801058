"""The types a column may have: the field that each becomes and what its values are there, at their edges.

One table for the tests of a single column, for the index on a real cluster and for random schemas. `CASES` holds one entry for
each Arrow type that Parquet files give (and each declared field); `write` makes a file of some of them with one of WRITERS.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

LARGEST_LONG, SMALLEST_LONG = 2**63 - 1, -(2**63)
DAY_S = 86_400


@dataclass(frozen=True)
class Letter:
    """What is expected of a value that cannot be kept: its row is a dead letter whose reason has these words."""

    reason: str


@dataclass(frozen=True)
class TypeCase:
    """`values` (as `pa.array` takes them, or numbers from 1970 for times) and `expected`, the JSON of each in the index or a
    Letter. `field`: the type of the generated field, or with `declared` the declared one. `writers`: who can write it."""

    name: str
    kind: pa.DataType
    values: Sequence[Any]
    expected: Sequence[Any]
    field: str
    declared: Mapping[str, Any] | None = None
    writers: tuple[str, ...] = ("pyarrow", "duckdb", "polars")
    searchable: bool = True

    def array(self) -> pa.Array:
        return column(self.kind, self.values)


def column(kind: pa.DataType, values: Sequence[Any]) -> pa.Array:
    """Numbers of a time type count from 1970, in its unit: further than Python's calendar goes."""
    if pa.types.is_temporal(kind):
        width = pa.int32() if kind.bit_width == 32 else pa.int64()
        return pa.array(values, width).cast(kind)
    if pa.types.is_float16(kind):
        return pa.array([None if value is None else np.float16(value) for value in values], kind)
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode().cast(kind)
    if isinstance(kind, pa.BaseExtensionType):
        return kind.wrap_array(pa.array(values, kind.storage_type))
    return pa.array(values, kind)


def _instants(unit: str, per_second: int, zone: str | None = None, **options: Any) -> TypeCase:
    """Edges of the calendar that four digits, nanoseconds or milliseconds of 64 bits have."""
    seconds = {
        -62135596800: "0001-01-01T00:00:00Z",
        -62167219201: "-0001-12-31T23:59:59Z",
        -1: "1969-12-31T23:59:59Z",
        0: "1970-01-01T00:00:00Z",
        253402300799: "9999-12-31T23:59:59Z",
        253402300800: "+10000-01-01T00:00:00Z",
    }
    kept = {second * per_second: text for second, text in seconds.items()}
    if unit == "ns":
        kept = {
            LARGEST_LONG: "2262-04-11T23:47:16.854775807Z",
            SMALLEST_LONG + 1: "1677-09-21T00:12:43.145224193Z",
            -1: "1969-12-31T23:59:59.999999999Z",
            1_000: "1970-01-01T00:00:00.000001Z",
        }
    fractions = {"ms": {-1: "1969-12-31T23:59:59.999Z"}, "us": {1: "1970-01-01T00:00:00.000001Z"}}
    kept |= fractions.get(unit, {})
    values: list[int | None] = [*kept, None]
    expected: list[str | Letter | None] = [*kept.values(), None]
    if unit in ("ms", "us"):
        # What DuckDB and Postgres write for 'infinity'.
        values.append(LARGEST_LONG)
        expected.append(Letter("beyond the years"))
    name = f"timestamp {unit}" + (f" {zone}" if zone else "")
    return TypeCase(name, pa.timestamp(unit, zone), values, expected, "date", **options)


def _integers(kind: pa.DataType, low: int, high: int, field_type: str = "long") -> TypeCase:
    return TypeCase(str(kind), kind, [low, high, 0, None], [low, high, 0, None], field_type)


def _decimals(kind: pa.DataType, texts: Mapping[str, Any], field_type: str, **options: Any) -> TypeCase:
    values = [*map(Decimal, texts), None]
    name = str(kind).replace("decimal128", "decimal")
    return TypeCase(name, kind, values, [*texts.values(), None], field_type, **options)


PYARROW = ("pyarrow",)
NOT_POLARS = ("pyarrow", "duckdb")
NOT_DUCKDB = ("pyarrow", "polars")
TOO_LONG = Letter("more digits than a number of the index keeps")
NAN, INFINITY = float("nan"), float("inf")
UUID = uuid.UUID("6f9619ff-8b86-d011-b42d-00cf4fc964ff")
DOUBLES = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 9007199254740992.0, NAN, INFINITY, -INFINITY, None]
DOUBLES_EXPECTED = [*DOUBLES[:5], None, Letter("infinity"), Letter("infinity"), None]
FLOATS = [float(np.float32(0.1)), -0.0, float(np.float32(1e-45)), float(np.finfo(np.float32).max), NAN, INFINITY, None]
TEXTS = ["", "a", "\u00e9\u0000\U0001f98a\ufffd", "x" * 300, None]

GENERATED = [
    TypeCase("bool", pa.bool_(), [True, False, None], [True, False, None], "boolean"),
    *(_integers(pa.type_for_alias(f"int{bits}"), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)),
    *(_integers(pa.type_for_alias(f"uint{bits}"), 0, 2**bits - 1) for bits in (8, 16, 32)),
    _integers(pa.uint64(), 2**63, 2**64 - 1, "unsigned_long"),
    TypeCase("float16", pa.float16(), [0.5, 65504.0, NAN], [0.5, 65504.0, None], "double", writers=PYARROW),
    TypeCase("float", pa.float32(), FLOATS, [*FLOATS[:4], None, Letter("infinity"), None], "double"),
    TypeCase("double", pa.float64(), DOUBLES, DOUBLES_EXPECTED, "double"),
    _decimals(pa.decimal128(4, 2), {"-99.99": "-99.99", "0.01": "0.01"}, "scaled_float"),
    _decimals(
        pa.decimal128(18, 2),
        {"-9999999999999.99": "-9999999999999.99", "9999999999999999.99": TOO_LONG, "99999999999999.99": TOO_LONG},
        "scaled_float",
    ),
    _decimals(
        pa.decimal128(18, 18),
        {"0.1": "0.100000000000000000", "1E-18": "1E-18", "0.123456789012345678": TOO_LONG},
        "scaled_float",
    ),
    _decimals(
        pa.decimal128(38, 0),
        {str(2**53): str(2**53), str(2**53 + 1): TOO_LONG, "9" * 38: TOO_LONG, "1" + "0" * 22: "1" + "0" * 22},
        "double",
    ),
    _decimals(pa.decimal128(38, 18), {"1.5": "1.500000000000000000", "0.123456789012345678": TOO_LONG}, "double"),
    _decimals(pa.decimal256(60, 3), {"1.5": "1.500", "9" * 57: TOO_LONG}, "double", writers=PYARROW),
    TypeCase("date32", pa.date32(), [-719162, -719163, 2932896, 2932897, 0, None],
             ["0001-01-01", "0000-12-31", "9999-12-31", "+10000-01-01", "1970-01-01", None], "date", writers=NOT_POLARS),
    TypeCase("date32 infinity", pa.date32(), [2**31 - 1], [Letter("beyond the years")], "date", writers=NOT_POLARS),
    TypeCase("date64", pa.date64(), [0, 253402214400000], ["1970-01-01", "9999-12-31"], "date", writers=PYARROW),
    _instants("s", 1),
    _instants("ms", 1_000),
    _instants("us", 1_000_000),
    _instants("ns", 1_000_000_000),
    _instants("us", 1_000_000, "UTC"),
    _instants("us", 1_000_000, "Europe/Berlin", writers=PYARROW),
    TypeCase("string", pa.string(), TEXTS, TEXTS, "text"),
    TypeCase("large string", pa.large_string(), TEXTS, TEXTS, "text"),
    TypeCase("string view", pa.string_view(), TEXTS, TEXTS, "text", writers=PYARROW),
    TypeCase("dictionary", pa.dictionary(pa.int32(), pa.string()), ["a", None, "b"], ["a", None, "b"], "text"),
    TypeCase("dictionary of numbers", pa.dictionary(pa.int32(), pa.int64()), [5, None], [5, None], "long", writers=PYARROW),
    TypeCase("json", pa.json_(), ['{"a": 1}', None], ['{"a": 1}', None], "text", writers=PYARROW),
    TypeCase("uuid", pa.uuid(), [UUID.bytes, None], [str(UUID), None], "keyword", writers=PYARROW),
    TypeCase("list", pa.list_(pa.int64()), [[1, None], [], None], [[1, None], [], None], "long"),
    TypeCase("list of doubles", pa.list_(pa.float64()), [[NAN, 1.5], [INFINITY]], [[None, 1.5], Letter("infinity")], "double"),
    TypeCase("list of lists", pa.list_(pa.list_(pa.string())), [[["a"], None, []], None], [[["a"], None, []], None], "text"),
    TypeCase("large list", pa.large_list(pa.date32()), [[0], None], [["1970-01-01"], None], "date"),
    TypeCase("fixed-size list", pa.list_(pa.float32(), 2), [[1.5, None], None], [[1.5, None], None], "double",
             writers=NOT_DUCKDB),
]  # fmt: skip

KEYWORD = {"type": "keyword"}
OBJECT = pa.struct([("a", pa.int32()), ("b", pa.string())])
POINT = pa.struct([("lat", pa.float64()), ("lon", pa.float64())])
DECLARED = [
    TypeCase("bytes as text", pa.binary(), [b"\xc3\xa9", b"\xff", b"", None], ["\u00e9", Letter("no UTF-8"), "",
             None], "keyword", KEYWORD),
    TypeCase("bytes", pa.binary(), [b"\x00\xff", None], ["AP8=", None], "binary", {"type": "binary"}, searchable=False),
    TypeCase("fixed-size bytes", pa.binary(2), [b"ab", None], ["ab", None], "keyword", KEYWORD, NOT_POLARS),
    TypeCase("large bytes", pa.large_binary(), [b"ab", None], ["ab", None], "keyword", KEYWORD),
    TypeCase("byte view", pa.binary_view(), [b"ab", None], ["ab", None], "keyword", KEYWORD, PYARROW),
    TypeCase("digits as keyword", pa.decimal128(38, 0), [Decimal("9" * 38), None], ["9" * 38, None], "keyword", KEYWORD),
    TypeCase("tiny decimal as keyword", pa.decimal128(18, 10), [Decimal("1E-10")], ["0.0000000001"], "keyword", KEYWORD),
    TypeCase("decimal as long", pa.decimal128(38, 0), [Decimal(LARGEST_LONG), Decimal("1E20")],
             [LARGEST_LONG, Letter("no whole number")], "long", {"type": "long"}),
    TypeCase("double as long", pa.float64(), [7.0, 1.75, NAN, 1e300], [7, Letter("no whole number"), None,
             Letter("no whole number")],
             "long", {"type": "long"}),
    TypeCase("int as keyword", pa.int64(), [LARGEST_LONG, None], [LARGEST_LONG, None], "keyword", KEYWORD),
    TypeCase("price", pa.float64(), [19.99, INFINITY, 1e17], [19.99, Letter("infinity"),
             Letter("beyond what scaled_float keeps")], "scaled_float", {"type": "scaled_float", "scaling_factor": 100}),
    TypeCase("int as float", pa.int64(), [2**24, 2**24 + 1, None], [2**24, Letter("beyond what float keeps"), None], "float",
             {"type": "float"}),
    TypeCase("decimal as double", pa.decimal128(38, 2), [Decimal("0.25"), Decimal(2**53 + 1)], ["0.25",
             Letter("beyond what double keeps")], "double", {"type": "double"}),
    TypeCase("time s", pa.time32("s"), [86399, None], ["23:59:59", None], "keyword", KEYWORD, NOT_POLARS),
    TypeCase("time ms", pa.time32("ms"), [1, None], ["00:00:00.001", None], "keyword", KEYWORD, NOT_POLARS),
    TypeCase("time us", pa.time64("us"), [86399999999, None], ["23:59:59.999999", None], "keyword", KEYWORD, NOT_POLARS),
    TypeCase("time ns", pa.time64("ns"), [1, None], ["00:00:00.000000001", None], "keyword", KEYWORD),
    TypeCase("duration", pa.duration("us"), [LARGEST_LONG, -1, None], [LARGEST_LONG, -1, None], "long",
             {"type": "long"}, NOT_DUCKDB),
    TypeCase("instant in ns", pa.timestamp("ns"), [1, None], ["1970-01-01T00:00:00.000000001Z", None], "date_nanos",
             {"type": "date_nanos"}),
    TypeCase("text as date", pa.string(), ["2024-02-29", None], ["2024-02-29", None], "date", {"type": "date"}),
    TypeCase("seconds as date", pa.int64(), [1704067200, None], [1704067200, None], "date", {"type": "date",
             "format": "epoch_second"}),
    TypeCase("ip", pa.string(), ["192.0.2.1", "::1", None], ["192.0.2.1", "::1", None], "ip", {"type": "ip"}),
    TypeCase("point as struct", POINT, [{"lat": 52.5, "lon": 13.4}, {"lat": None, "lon": None}, None],
             [{"lat": 52.5, "lon": 13.4}, None, None], "geo_point",
             {"type": "geo_point"}, searchable=False),
    TypeCase("point as list", pa.list_(pa.float64()), [[13.4, 52.5], None], [[13.4, 52.5], None], "geo_point",
             {"type": "geo_point"},
             searchable=False),
    TypeCase("struct as object", OBJECT, [{"a": 1, "b": "x"}, {"a": None, "b": None}, None],
             [{"a": 1, "b": "x"}, {"a": None, "b": None}, None], "object", {"type": "object"}, searchable=False),
    TypeCase("structs as nested", pa.list_(OBJECT), [[{"a": 1, "b": "x"}, None], [], None],
             [[{"a": 1, "b": "x"}, None], [], None], "nested", {"type": "nested", "properties": {"b": KEYWORD}},
             searchable=False),
    TypeCase("map as flat_object", pa.map_(pa.string(), pa.string()), [[("k", "v")], [], None], [{"k": "v"}, {},
             None], "flat_object",
             {"type": "flat_object"}, NOT_POLARS, searchable=False),
    TypeCase("map as object", pa.map_(pa.string(), pa.float64()), [[("k", 1.5)], [("k", INFINITY)], [], None],
             [{"k": 1.5}, Letter("infinity"), {}, None], "object", {"type": "object"}, NOT_POLARS, searchable=False),
]  # fmt: skip
CASES = [*GENERATED, *DECLARED]

# Types that become no field by themselves: the plan names them, and `index.fields`.
REFUSED: dict[str, pa.DataType] = {
    "binary": pa.binary(),
    "fixed-size binary": pa.binary(12),
    "time": pa.time64("us"),
    "duration": pa.duration("s"),
    "struct": OBJECT,
    "list of structs": pa.list_(OBJECT),
    "map": pa.map_(pa.string(), pa.int64()),
    "list view": pa.list_view(pa.int32()),
    "variant": pa.struct([("metadata", pa.binary()), ("value", pa.binary())]),
}


def table(cases: Sequence[TypeCase]) -> pa.Table:
    """One row for each value of each case, alone in its column; `id` says which: `<case>/<number>`."""
    rows = [(case, number) for case in cases for number in range(len(case.values))]
    columns: dict[str, pa.Array] = {"id": pa.array([row_id(case, number) for case, number in rows])}
    columns["body"] = columns["id"]
    for case in cases:
        before = sum(len(each.values) for each in cases[: cases.index(case)])
        # Empty until its turn: built by position, because not every type can be built from Python values.
        positions = [at - before if before <= at < before + len(case.values) else None for at in range(len(rows))]
        columns[column_name(case)] = placed(case, positions)
    return pa.table(columns)


def placed(case: TypeCase, numbers: Sequence[int | None]) -> pa.Array:
    """The values of a case by their numbers, null for None. Views and extensions know no `take`: their values are placed in
    the type they store."""
    positions = pa.array(numbers, pa.int64())
    stored = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}.get(case.kind, case.kind)
    if isinstance(case.kind, pa.BaseExtensionType):
        return case.kind.wrap_array(case.array().storage.take(positions))
    return case.array().cast(stored).take(positions).cast(case.kind)


def row_id(case: TypeCase, number: int) -> str:
    return f"{case.name}/{number}"


def column_name(case: TypeCase) -> str:
    return case.name


def term(case: TypeCase, number: int) -> dict[str, Any] | None:
    """What a search for the value asks for; None for null, lists, and text that is too long for its keyword."""
    value = case.expected[number]
    if isinstance(value, Letter | list | None) or not case.searchable:
        return None
    if case.field == "text":
        return {f"{case.name}.keyword": value} if len(value) <= 256 else None
    return {case.name: value}


def declared_fields(cases: Sequence[TypeCase]) -> dict[str, Mapping[str, Any]]:
    """`index.fields` for a table of these cases."""
    return {column_name(case): case.declared for case in cases if case.declared is not None}


def _by_duckdb(content: pa.Table, path: Path) -> None:
    with duckdb.connect() as con:
        con.register("content", content)
        con.execute(f"COPY (SELECT * FROM content) TO '{path}' (FORMAT parquet)")


WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    "pyarrow": pq.write_table,
    "duckdb": _by_duckdb,
    "polars": lambda content, path: pl.from_arrow(content).write_parquet(path),  # type: ignore[union-attr]
}


def write(cases: Sequence[TypeCase], writer: str, path: Path) -> list[TypeCase]:
    """A file of those of `cases` that `writer` can write, which are returned."""
    chosen = [case for case in cases if writer in case.writers]
    WRITERS[writer](table(chosen), path)
    return chosen


def documented(cases: Sequence[TypeCase]) -> list[str]:
    """The table of docs/types.md, a line for each case."""
    head = ["| column | writers | field | values, as they are in `_source` |", "|---|---|---|---|"]
    return head + [f"| {case.name} | {', '.join(case.writers)} | {_field(case)} | {_values(case)} |" for case in cases]


def _field(case: TypeCase) -> str:
    return f"`{case.field}`" if case.declared is None else f"declared `{case.field}`"


def _values(case: TypeCase) -> str:
    found = dict.fromkeys(_shown(expected) for expected in case.expected if expected is not None)
    return "; ".join(found)


def _shown(expected: Any) -> str:
    if isinstance(expected, Letter):
        return f"dead letter ({expected.reason})"
    if isinstance(expected, str) and len(expected) > 100:
        return f"{len(expected)} characters"
    return f"`{json.dumps(expected)}`"
