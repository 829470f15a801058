"""Golden sets: what is read, and what is refused in which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparse_index.config.gate import GateConfig
from sparse_index.errors import ConfigError, CorpusError
from sparse_index.relevance.golden import GoldenQuery, golden_of, read_golden, write_queries

ASKED = {"id": "q1", "text": "money back"}
CANARY = {"id": "c1", "text": "cracked screen", "must": ["d7"]}


def put_queries(folder: Path, *queries: dict[str, Any]) -> None:
    (folder / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in queries))


def put_judgements(folder: Path, *rows: tuple[Any, Any, Any]) -> None:
    columns = dict(zip(("query", "id", "grade"), map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(columns), folder / "judgements.parquet")


def test_queries_and_judgements_are_read(tmp_path: Path) -> None:
    put_queries(tmp_path, ASKED, CANARY | {"within": 3, "filters": ["lang=en"]})
    put_judgements(tmp_path, ("q1", "d1", 3), ("q1", "d2", 0))
    golden = read_golden(tmp_path)
    canary = GoldenQuery(id="c1", text="cracked screen", filters=("lang=en",), must=("d7",), within=3)
    assert golden.queries == (GoldenQuery(id="q1", text="money back"), canary)
    assert golden.judgements == {"q1": {"d1": 3, "d2": 0}}
    assert golden.canaries == [canary]


def test_a_folder_that_is_not_there_is_an_error_and_so_is_an_empty_one(tmp_path: Path) -> None:
    assert golden_of(GateConfig()) is None
    with pytest.raises(ConfigError, match=r"gone \(gate\.golden\) is not there on .*: correct the name"):
        golden_of(GateConfig(golden=str(tmp_path / "gone")))
    with pytest.raises(CorpusError, match=r"queries\.jsonl cannot be read"):
        golden_of(GateConfig(golden=str(tmp_path)))


def test_judgements_may_be_trec_qrels(tmp_path: Path) -> None:
    put_queries(tmp_path, ASKED)
    (tmp_path / "qrels.txt").write_text("q1 0 d1 3\n\nq1\tQ0\td2\t0\n")
    assert read_golden(tmp_path).judgements == {"q1": {"d1": 3, "d2": 0}}


def test_canaries_need_no_judgements(tmp_path: Path) -> None:
    put_queries(tmp_path, CANARY)
    assert read_golden(tmp_path).judgements == {}


def test_whole_grades_may_be_floats(tmp_path: Path) -> None:
    put_queries(tmp_path, ASKED)
    put_judgements(tmp_path, ("q1", "d1", 2.0))
    assert read_golden(tmp_path).judgements == {"q1": {"d1": 2}}


@pytest.mark.parametrize("grade", [1.5, -1, None, float("nan"), float("inf")])
def test_grades_are_whole_numbers_from_zero(tmp_path: Path, grade: float | None) -> None:
    put_queries(tmp_path, ASKED)
    put_judgements(tmp_path, ("q1", "d1", grade))
    with pytest.raises(ConfigError, match=r"judgements.parquet, row 1: grade .* of document 'd1' for query 'q1'"):
        read_golden(tmp_path)


@pytest.mark.parametrize("line", ["q1 0 d1 1.5", "q1 0 d1 -1", "q1 0 d1 good", "q1 0 d1 nan"])
def test_grades_of_qrels_are_whole_numbers_from_zero(tmp_path: Path, line: str) -> None:
    put_queries(tmp_path, ASKED)
    (tmp_path / "qrels.txt").write_text(line)
    with pytest.raises(ConfigError, match=r"qrels.txt, line 1: grade .* whole numbers"):
        read_golden(tmp_path)


@pytest.mark.parametrize(
    ("queries", "rows", "words"),
    [
        ([ASKED], [("q1", "d1", 1), ("q9", "d1", 1)], "row 2: query 'q9' is not in queries.jsonl"),
        ([ASKED], [("q1", "d1", 1), ("q1", "d1", 2)], "row 2: document 'd1' is judged twice for query 'q1'"),
        ([ASKED], [("q1", None, 1)], "row 1: without query or id"),
        ([ASKED], [("q1", "d1", 0)], "no judged document of query 'q1' has a grade above 0"),
        ([ASKED, CANARY], [("c1", "d1", 1)], "query 'q1' has no judgement and no `must`"),
        ([CANARY | {"must": ["a", "b"], "within": 1}], [("c1", "d1", 1)], "wants 2 documents within rank 1"),
    ],
)
def test_a_set_that_contradicts_itself_is_refused(
    tmp_path: Path, queries: list[dict[str, Any]], rows: list[tuple[Any, Any, Any]], words: str
) -> None:
    put_queries(tmp_path, *queries)
    put_judgements(tmp_path, *rows)
    with pytest.raises(ConfigError, match=words):
        read_golden(tmp_path)


@pytest.mark.parametrize(
    ("queries", "words"),
    [
        ([CANARY, CANARY], "line 2: query 'c1' stands there twice"),
        ([CANARY | {"text": "  "}], "line 1: text: "),
        ([CANARY | {"id": 7}], "line 1: id: "),
        ([CANARY | {"within": 0}], "line 1: within: "),
        ([CANARY | {"most": ["d1"]}], "line 1: most: "),
        ([], "holds no query"),
    ],
)
def test_queries_that_mean_nothing_are_refused(tmp_path: Path, queries: list[dict[str, Any]], words: str) -> None:
    put_queries(tmp_path, *queries)
    with pytest.raises(ConfigError, match=words):
        read_golden(tmp_path)


def test_a_line_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "queries.jsonl").write_text(json.dumps(CANARY) + "\n{'id': 1}\n")
    with pytest.raises(ConfigError, match="line 2: Invalid JSON"):
        read_golden(tmp_path)


def test_queries_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"queries.jsonl cannot be read"):
        read_golden(tmp_path)
    (tmp_path / "queries.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CorpusError, match=r"queries.jsonl cannot be read"):
        read_golden(tmp_path)


def test_judgements_that_cannot_be_read(tmp_path: Path) -> None:
    put_queries(tmp_path, ASKED)
    (tmp_path / "judgements.parquet").write_text("q1,d1,1")
    with pytest.raises(CorpusError, match="cannot be read as Parquet"):
        read_golden(tmp_path)
    pq.write_table(pa.table({"query_id": ["q1"]}), tmp_path / "judgements.parquet")
    with pytest.raises(ConfigError, match="It needs query, id, grade"):
        read_golden(tmp_path)


def test_qrels_have_four_fields(tmp_path: Path) -> None:
    put_queries(tmp_path, ASKED)
    (tmp_path / "qrels.txt").write_text("q1 d1 1")
    with pytest.raises(ConfigError, match="line 1: 3 fields instead of 4"):
        read_golden(tmp_path)


def test_two_files_of_judgements_are_refused(tmp_path: Path) -> None:
    put_queries(tmp_path, ASKED)
    put_judgements(tmp_path, ("q1", "d1", 1))
    (tmp_path / "qrels.txt").write_text("q1 0 d1 1")
    with pytest.raises(ConfigError, match=r"judgements.parquet and qrels.txt"):
        read_golden(tmp_path)


def test_what_is_written_is_read_again_and_never_replaced(tmp_path: Path) -> None:
    queries = [
        GoldenQuery(id="c1", text="цена\u2028№1", must=("d7",)),
        GoldenQuery(id="c2", text="b", must=("d8",), within=3),
    ]
    write_queries(tmp_path / "new" / "queries.jsonl", queries)
    assert list(read_golden(tmp_path / "new").queries) == queries
    with pytest.raises(ConfigError, match="is there already"):
        write_queries(tmp_path / "new" / "queries.jsonl", [])
