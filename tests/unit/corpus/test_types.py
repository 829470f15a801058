"""Each type that Parquet has, at its edges and from three writers: kept as it is, or named."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpora.column_types import CASES, REFUSED, WRITERS, Letter, TypeCase, declared_fields, documented, row_id, write
from plan_help import config_at
from sparse_index.corpus.columns import require_usable
from sparse_index.corpus.fields import are_written_alike, mapping_of
from sparse_index.corpus.logical import logical_type
from sparse_index.corpus.parquet import file_version
from sparse_index.corpus.place import Place
from sparse_index.corpus.rows import Document, documents_at
from sparse_index.corpus.schema import Typed, decide
from sparse_index.errors import ConfigError

SCALED = {"type": "scaled_float", "scaling_factor": 100}


def documents(folder: Path, path: Path, fields: dict[str, Any], **source: Any) -> dict[str, Document]:
    """The rows of a file as documents, by id."""
    config = config_at(folder, source={"text_template": "{id}"} | source, index={"fields": fields})
    parquet = pq.ParquetFile(path, coerce_int96_timestamp_unit="us", arrow_extensions_enabled=True)
    schema = decide(config, [Typed(str(path), parquet.schema_arrow)], None, anew=True).schema
    rows = range(parquet.metadata.num_rows)
    found = documents_at(config, schema, (Place(str(path), file_version(str(path)), 0, row) for row in rows))
    return {str(document.id): document for document in found}


def same(one: Any, other: Any) -> bool:
    """Equal also in type and sign: 7 is not 7.0, and -0.0 is not 0.0."""
    return repr(one) == repr(other)


@pytest.mark.parametrize("writer", WRITERS)
def test_every_value_is_kept_or_named(tmp_path: Path, writer: str) -> None:
    path = tmp_path / "types.parquet"
    cases = write(CASES, writer, path)
    found = documents(tmp_path, path, dict(declared_fields(cases)))
    wrong = [
        (row_id(case, number), expected, (document.fields[case.name], document.problem))
        for case in cases
        for number, expected in enumerate(case.expected)
        if not _as_expected(document := found[row_id(case, number)], case, expected)
    ]
    assert wrong == []


def test_a_column_that_only_the_text_needs_is_kept_or_named_too(tmp_path: Path) -> None:
    """As words: digits that no number of the index keeps are no problem there."""
    path = tmp_path / "text.parquet"
    broken = pa.array([b"a", b"\xff", b"b"]).view(pa.string())
    table = {"id": ["0", "1", "2"], "word": broken, "score": [1.5, 1.0, float("inf")]}
    pq.write_table(pa.table(table | {"digits": pa.array([Decimal("9" * 38)] * 3)}), path)
    found = documents(tmp_path, path, {}, columns=["id"], text_template="{word} {score} {digits}")
    assert (found["0"].text, found["0"].problem) == (f"a 1.5 {'9' * 38}", None)
    assert [found[name].problem for name in "12"] == ["'word': bytes that are no UTF-8", "'score': infinity"]


def _as_expected(document: Document, case: TypeCase, expected: Any) -> bool:
    if isinstance(expected, Letter):
        return (
            document.problem is not None
            and f"'{case.name}'" in document.problem
            and expected.reason in document.problem
        )
    return document.problem is None and same(document.fields[case.name], expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_field_is_the_one_of_the_table(case: TypeCase) -> None:
    mapping = mapping_of(logical_type(case.kind), dict(case.declared) if case.declared else None)
    assert mapping["type"] == case.field


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_values_are_written_alike_as_long_as_what_decides_it_stays(case: TypeCase) -> None:
    kind, declared = logical_type(case.kind), dict(case.declared) if case.declared else None
    assert are_written_alike(kind, declared, None if declared is None else declared | {"index": False})


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (pa.float64(), {"type": "long"}, {"type": "double"}),
        (pa.decimal128(18, 2), {"type": "keyword"}, None),
        *((pa.decimal128(18, 2), {"type": "scaled_float", "scaling_factor": each}, SCALED) for each in (10, 1000)),
    ],
)
def test_values_are_written_otherwise_where_that_changes(kind: pa.DataType, one: Any, other: Any) -> None:
    assert are_written_alike(kind, one, one)
    assert not are_written_alike(kind, one, other)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_field_by_itself_is_refused_naming_the_way_out(tmp_path: Path, name: str) -> None:
    config = config_at(tmp_path, source={"text_template": "{id}"})
    with pytest.raises(ConfigError, match=r"column 'x'.* say in `index.fields` what it is"):
        require_usable(config, pa.schema([("id", pa.string()), ("x", logical_type(REFUSED[name]))]))


def test_the_page_shows_this_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "types.md").read_text(encoding="utf-8")
    shown = page.partition("<!-- types -->\n")[2].partition("\n<!-- end of types -->")[0]
    assert shown.splitlines() == documented(CASES)
