"""Every type at its edges, read back out of a real index: in `_source`, in the doc values, and by a search for the value."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
import pytest

from build_plans import remove_indices
from corpora.column_types import CASES, Letter, TypeCase, declared_fields, row_id, term, write
from real_builds import built, documents, planned, real_config
from sparse_index.builds.dead_letters import read_letters
from sparse_index.builds.folder import letters_files
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import Books
from sparse_index.cluster.client import Cluster, Json
from sparse_index.store.files import Store

pytestmark = pytest.mark.integration
WORDS = {"text", "match_only_text"}
ROWS = [(case, number) for case in CASES for number in range(len(case.values)) if "pyarrow" in case.writers]


@dataclass(frozen=True)
class Built:
    """The build of the whole table, and what a reader finds: `_source` and doc values by id."""

    cluster: Cluster
    plan: Plan
    books: Books
    sources: dict[str, Json]
    doc_values: dict[str, Json]
    letters: dict[str, str]


@pytest.fixture(scope="module")
def index(plain_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder, alias = tmp_path_factory.mktemp("types"), f"types-{uuid4().hex[:8]}"
    path = folder / "corpus.parquet"
    cases = write(CASES, "pyarrow", path)
    config = real_config(alias, folder, source={"text_template": "{body}"}, index={"fields": declared_fields(cases)})
    plan = planned(plain_cluster, config)
    books = built(plain_cluster, config, plan)
    store = Store(config.store)
    letters = {
        str(letter.id): letter.reason for file in letters_files(store, plan) for letter in read_letters(store, file)
    }
    yield Built(
        plain_cluster, plan, books, documents(plain_cluster, alias), _doc_values(plain_cluster, alias, cases), letters
    )
    remove_indices(plain_cluster, alias)


def _doc_values(cluster: Cluster, alias: str, cases: list[TypeCase]) -> dict[str, Json]:
    fields = [{"field": case.name} for case in cases if case.searchable and case.field not in WORDS]
    body = {"size": 10_000, "_source": False, "docvalue_fields": fields}
    hits = cluster.get(f"/{alias}/_search", body)["hits"]["hits"]
    return {hit["_id"]: hit.get("fields", {}) for hit in hits}


def kept() -> list[tuple[TypeCase, int]]:
    """Cases and numbers of the single values that a field holds."""
    return [
        (case, number)
        for case, number in ROWS
        if not isinstance(case.expected[number], Letter | list | None) and case.searchable
    ]


def test_the_books_close_over_kept_and_rejected_rows(index: Built) -> None:
    lost = [row_id(case, number) for case, number in ROWS if isinstance(case.expected[number], Letter)]
    assert sorted(index.letters) == sorted(lost)
    assert (index.books.rows_read, index.books.dead_letters) == (len(ROWS), len(lost))
    assert sorted(index.sources) == sorted(row_id(*row) for row in ROWS if row_id(*row) not in index.letters)


def test_each_dead_letter_names_the_column_and_the_reason(index: Built) -> None:
    for case, number in ROWS:
        expected = case.expected[number]
        if isinstance(expected, Letter):
            reason = index.letters[row_id(case, number)]
            assert f"'{case.name}'" in reason
            assert expected.reason in reason


def test_the_source_is_what_the_corpus_holds(index: Built) -> None:
    wrong = []
    for case, number in ROWS:
        expected, source = case.expected[number], index.sources.get(row_id(case, number))
        if source is not None and repr(source.get(case.name)) != repr(expected):
            wrong.append((row_id(case, number), expected, source.get(case.name)))
    assert wrong == []


def test_the_doc_values_are_what_the_corpus_holds(index: Built) -> None:
    wrong = []
    for case, number in kept():
        if case.field not in WORDS:
            (found,) = index.doc_values[row_id(case, number)][case.name]
            if not _equal(found, case.expected[number], case):
                wrong.append((row_id(case, number), case.expected[number], found))
    assert wrong == []


def _equal(found: Any, expected: Any, case: TypeCase) -> bool:
    """Equal as the field's kind of value: a keyword is text, a date has milliseconds, a decimal is a double."""
    if case.field in ("keyword", "ip"):
        return str(found) == str(expected)
    if case.field == "date":
        return str(found) == _milliseconds(expected)
    if case.field == "date_nanos":
        return str(found) == "1970-01-01T00:00:00.000Z"
    if case.field == "scaled_float":
        # Stored exactly; the cluster multiplies by the factor's inverse to show it, which may miss the last bit.
        return math.isclose(found, float(expected), rel_tol=4e-16)
    return repr(float(found)) == repr(float(expected)) if isinstance(expected, float | str) else int(found) == expected


def _milliseconds(text: Any) -> str:
    """How the cluster writes the date: with three digits of the second."""
    if isinstance(text, int):
        return str(text)
    day, _, time = str(text).removesuffix("Z").partition("T")
    seconds, _, fraction = (time or "00:00:00").partition(".")
    return f"{day}T{seconds}.{fraction[:3]:0<3}Z"


def test_a_search_for_the_value_finds_the_row(index: Built) -> None:
    """Text is found by its keyword, if that is not too long for it (docs/types.md says so)."""
    wanted = [row for row in ROWS if term(*row) is not None]
    lines: list[Json] = []
    for row in wanted:
        lines += [{}, {"size": 1_000, "_source": False, "query": {"term": term(*row)}}]
    body = b"".join(orjson.dumps(line) + b"\n" for line in lines)
    answers = index.cluster.request("POST", f"/{index.plan.alias}/_msearch", body)["responses"]
    assert len(answers) == len(wanted)
    found = [{hit["_id"] for hit in answer["hits"]["hits"]} for answer in answers]
    missed = [row_id(*row) for row, ids in zip(wanted, found, strict=True) if row_id(*row) not in ids]
    assert missed == []


def test_nan_is_null_and_the_plan_says_so(index: Built) -> None:
    notes = "\n".join(index.plan.notes)
    for name in ("double", "float", "float16", "list of doubles", "double as long"):
        assert f"column '{name}' is NaN in 1 rows: indexed as null" in notes
    assert (
        f"{len(index.letters)} rows have a value that cannot be kept and become dead letters; one of them: '" in notes
    )
