"""Random days whose column changes its type: every value in the index is the corpus' own, or its day was refused (P10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plan_help import add_vectors, config_at, planned
from property_help import GENEROUS, DictIndex, examples
from sparse_index.builds.plan import Plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import ConfigError, CorpusError

FIRST_DAY = date(2026, 1, 1)
# What a double holds exactly.
WHOLE = st.integers(-(2**52), 2**52)
TIMES = st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)).map(lambda at: at.replace(microsecond=0))


@dataclass(frozen=True)
class Writing:
    """One way to write a column: `family` are the types that go together, None where no value is written at all."""

    family: str | None
    kind: pa.DataType | None
    values: st.SearchStrategy[Any]


WRITINGS = {
    "int64": Writing("number", pa.int64(), WHOLE),
    "uint8": Writing("number", pa.uint8(), st.integers(0, 255)),
    "double": Writing("number", pa.float64(), st.floats(allow_nan=False, allow_infinity=False)),
    "float": Writing("number", pa.float32(), st.floats(allow_nan=False, allow_infinity=False, width=32)),
    "string": Writing("text", pa.string(), st.text(max_size=3)),
    "dictionary": Writing("text", pa.dictionary(pa.int8(), pa.large_string()), st.text(max_size=3)),
    "date": Writing("time", pa.date32(), TIMES.map(datetime.date)),
    "seconds": Writing("time", pa.timestamp("s"), TIMES),
    "nanoseconds": Writing("time", pa.timestamp("ns", tz="Asia/Tokyo"), TIMES.map(lambda at: at.replace(tzinfo=UTC))),
    "decimal": Writing("decimal", pa.decimal128(5, 1), st.decimals(-999, 999, places=1)),
    "finer decimal": Writing("decimal", pa.decimal128(12, 3), st.decimals(-999, 999, places=3)),
    "bool": Writing("bool", pa.bool_(), st.booleans()),
    "null": Writing(None, pa.null(), st.none()),
    "missing doubles": Writing(None, pa.float64(), st.none()),
    "no column": Writing(None, None, st.none()),
}


@dataclass(frozen=True)
class Day:
    """Some ids with a value each; a day without any value has no family."""

    writing: Writing
    rows: dict[str, Any]

    @property
    def family(self) -> str | None:
        return self.writing.family if any(value is not None for value in self.rows.values()) else None

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        columns: dict[str, Any] = {
            "id": list(self.rows),
            "title": ["t"] * len(self.rows),
            "body": ["b"] * len(self.rows),
        }
        if self.writing.kind is not None:
            columns["score"] = pa.array(list(self.rows.values()), self.writing.kind)
        pq.write_table(pa.table(columns), folder / "f.parquet")


@st.composite
def days(draw: st.DrawFn) -> Day:
    writing = WRITINGS[draw(st.sampled_from(sorted(WRITINGS)))]
    rows = st.dictionaries(st.sampled_from("abcdef"), st.none() | writing.values, min_size=1, max_size=3)
    return Day(writing, draw(rows))


def _instant(value: Any) -> datetime:
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    whole = at if isinstance(at, datetime) else datetime(at.year, at.month, at.day)
    return whole if whole.tzinfo else whole.replace(tzinfo=UTC)


MEANINGS: dict[str, Callable[[Any], Any]] = {
    "number": float,
    "text": str,
    "time": _instant,
    "decimal": Decimal,
    "bool": bool,
}


@dataclass
class Feed:
    """The index that the days make, beside what they should make of it."""

    config: CorpusConfig
    index: DictIndex
    live: Plan | None = None
    family: str | None = None
    expected: dict[str, Any] = None  # type: ignore[assignment]

    def run(self, number: int, day: Day) -> None:
        when = FIRST_DAY + timedelta(days=number)
        day.write(Path(self.config.source.address(when)))
        refusal = self._refusal(day)
        if refusal is not None:
            with pytest.raises(refusal):
                self._planned(when)
            return
        plan = self._planned(when)
        self.index.apply(plan)
        add_vectors(self.config, plan)
        self.live = plan if plan.makes_candidate else self.live
        self.family = self.family or day.family
        self.expected |= day.rows

    def _planned(self, when: date) -> Plan:
        return planned(self.config, self.live, token=f"{when.day:03d}", data_date=when)

    def _refusal(self, day: Day) -> type[Exception] | None:
        """A type that nobody knows, or one that does not go with what the index has."""
        if self.live is None and (day.writing.kind is None or pa.types.is_null(day.writing.kind)):
            return ConfigError
        return CorpusError if None is not day.family != self.family is not None else None

    def check(self) -> None:
        meaning = MEANINGS.get(self.family or "", str)
        found = {doc_id: fields.get("score") for doc_id, fields in self.index.fields.items()}
        assert {name: _read(meaning, value) for name, value in found.items()} == {
            name: _read(meaning, value) for name, value in self.expected.items()
        }
        types = {type(value) for value in found.values() if value is not None}
        assert len(types) < 2, "one column has values of one kind"


def _read(meaning: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else meaning(value)


@examples(30)
@given(st.lists(days(), min_size=1, max_size=5))
def test_every_value_is_the_corpus_own_whatever_type_a_day_has(partitions: list[Day]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        source = {"uri": f"{folder}/days/{{data_date}}", "columns": ["id", "score"]}
        config = config_at(folder, kind="feed", limits=GENEROUS, source=source)
        feed = Feed(config, DictIndex(config), expected={})
        for number, day in enumerate(partitions):
            feed.run(number, day)
        feed.check()
