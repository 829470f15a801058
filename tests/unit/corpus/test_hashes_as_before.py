"""Vectors are kept by the hash of their text, and each manifest is compared with yesterday's: hashes frozen from version 8649338.

`hashes.json` has the rows of two corpora as that version's scan wrote them, and what it noted beside them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.column_types import CASES, TypeCase, declared_fields, table
from plan_help import config_at, plan_shards
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus import batches
from sparse_index.corpus.hashes import hash_rows, hash_text, hash_texts
from sparse_index.corpus.scan import id_problem, id_problems, scan_shard
from sparse_index.store.files import Store

FROZEN = json.loads((Path(__file__).parents[2] / "support" / "corpora" / "before" / "hashes.json").read_text())
ODD_TEXTS = [
    "", " ", "\t\n", "plain", " leads", "\u3000\u2003", "\x00\x07", "nul\x00 bell\x07 c1\x9b", "line\nend\r\n\x0c", "e\u0301",
    "\u00e9", "\x85next", "\u1fef", "\ud55c\uae00", "\u1112\u1161\u11ab", "\U0001f469\u200d\U0001f680", "x" * 29, "x" * 300,
    '"quoted" \\ {braces} {{}} %s %%', " " * 40 + "late", "\u2028", "\x7f", "\ufffd", "\u0344", "\ufb01", "\u00a0", "1", "-",
    "\u0301first",
]  # fmt: skip
ODD_IDS = [None, "", " ", "x" * 512, "x" * 513, "\u00e9" * 257, "a\x00b", "\U0001f98a", 'with "quotes"']


def as_scanned(config: CorpusConfig) -> dict[str, Any]:
    """What a scan says of each row but null, except in which file it is; and its notes."""
    store = Store(config.store)
    scans = [scan_shard(config, store, shard) for shard in plan_shards(config)]
    tables = [store.read_table(scan.manifest).drop_columns(["file", "file_version"]) for scan in scans]
    notes = [json.loads(store.footer(scan.manifest)["sparse_index"]) for scan in scans]
    rows = (row for each in tables for row in each.to_pylist())
    return {
        "rows": [{name: value for name, value in row.items() if value is not None} for row in rows],
        "notes": notes,
    }


def of_all_types(folder: Path) -> CorpusConfig:
    """A value of each Arrow type a row, and all of those that a text may hold in the text."""
    cases = [case for case in CASES if case.name in FROZEN["cases"]]
    config = config_at(
        folder,
        source={"text_template": " ".join(f"{{{name}}}" for name in ["id", *filter(None, map(_in_a_text, cases))])},
        index={"fields": dict(declared_fields(cases))},
    )
    pq.write_table(table(cases), folder / "corpus" / "a.parquet", row_group_size=70)
    return config


def _in_a_text(case: TypeCase) -> str | None:
    return None if pa.types.is_nested(case.kind) or set("{}") & set(case.name) else case.name


def of_odd_texts(folder: Path) -> CorpusConfig:
    """Each text as title and as body, beside a plain one and none; ids of all kinds, tombstones, a text of a field's own."""
    pairs = [
        pair
        for text in ODD_TEXTS
        for pair in [(text, "words"), ("words", text), (None, text), (text, None), (text, text)]
    ]
    ids = [*ODD_IDS, *(f"d{number}" for number in range(len(pairs) - len(ODD_IDS) - 1))]
    broken = pa.array([*(None if id_ is None else id_.encode() for id_ in ids), b"\xff"], pa.binary()).view(pa.string())
    numbers = range(len(pairs))
    columns = {
        "id": broken,
        "title": pa.array([title for title, _ in pairs]),
        "body": pa.array([body for _, body in pairs]),
        "number": pa.array([None if number % 5 == 0 else number for number in numbers]),
        "score": pa.array([[0.5, 1e300, float("nan"), float("inf"), None, -0.0][number % 6] for number in numbers]),
        "gone": pa.array([[True, False, None][number % 3] for number in numbers]),
    }
    source = {
        "uri": str(folder / "corpus" / "{data_date}.parquet"),
        "columns": [*columns][:-1],
        "deleted_column": "gone",
        "max_text_chars": 30,
    }
    single = config_at(folder, kind="feed", source=source).model_dump(exclude={"encoder"})
    pq.write_table(pa.table(columns), folder / "corpus" / "2026-01-02.parquet", row_group_size=40)
    field = {"kind": "sparse", "encoder": {"model": {"source": "pretrained", "name": "m", "version": "1"}}}
    vectors = {"whole": field, "own": field | {"text": "{title} {number}"}}
    return CorpusConfig.model_validate(single | {"vectors": vectors, "index": {}})


@pytest.mark.parametrize("corpus", [of_all_types, of_odd_texts])
@pytest.mark.parametrize(("read_rows", "batch_rows"), [(256, 4_096), (3, 7)])
def test_a_scan_says_what_it_said_however_rows_are_batched(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    corpus: Callable[[Path], CorpusConfig],
    read_rows: int,
    batch_rows: int,
) -> None:
    monkeypatch.setattr(batches, "READ_ROWS", read_rows)
    monkeypatch.setattr(batches, "BATCH_ROWS", batch_rows)
    assert json.loads(json.dumps(as_scanned(corpus(tmp_path)))) == FROZEN[corpus.__name__]


@given(st.lists(st.tuples(st.text() | st.none(), st.text() | st.none(), st.integers() | st.floats() | st.none())))
def test_columns_are_hashed_as_row_by_row(rows: list[tuple[Any, Any, Any]]) -> None:
    ids, texts, numbers = ([row[at] for row in rows] for at in range(3))
    numbers = [number if isinstance(number, float) or abs(number or 0) < 2**63 else None for number in numbers]
    problems = {at: f"problem {at}" for at in range(0, len(rows), 3)}
    assert hash_texts(texts).to_pylist() == [None if text is None else hash_text(text) for text in texts]
    person = hashlib.blake2b(b'["a","b"]', digest_size=16).digest()
    by_hand = [
        hashlib.blake2b(orjson.dumps([*row, row[1]]), digest_size=16, person=person).hexdigest()
        for row in zip(ids, texts, numbers, strict=True)
    ]
    for at, problem in problems.items():
        by_hand[at] = hash_text(f"{by_hand[at]} {problem}")
    assert hash_rows(ids, texts, {"b": texts, "a": numbers}, problems).to_pylist() == by_hand


@given(st.lists(st.sampled_from([*ODD_IDS, "\ufffd", "d1"]) | st.text(min_size=1), max_size=6))
def test_a_column_of_ids_has_the_problems_of_each(ids: list[str | None]) -> None:
    assert id_problems(pa.array(ids, pa.string())).to_pylist() == list(map(id_problem, ids))
