"""P10 on the real server: random columns of every type at their edges, random writers, random days, deltas and rebuilds.

Every field of every document that is read back equals the corpus and is found by its value, or its row is a dead letter with
the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from build_plans import remove_indices
from corpora.column_types import CASES, WRITERS, Letter, TypeCase, declared_fields, placed, term
from property_help import GENEROUS, examples
from real_builds import built, documents, planned, real_config
from sparse_index.builds.dead_letters import read_letters
from sparse_index.builds.folder import letters_files
from sparse_index.builds.plan import BuildKind
from sparse_index.builds.request import Mode
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.store.files import Store

pytestmark = pytest.mark.integration

# Case -> the number of the value that a row has; null in the columns of the others.
Row = dict[str, int]


@dataclass(frozen=True)
class File:
    writer: str
    rows: dict[str, Row]

    def write(self, cases: list[TypeCase], path: Path) -> None:
        columns = {"id": pa.array(list(self.rows), pa.string()), "body": pa.array(list(self.rows), pa.string())}
        for case in cases:
            if self.writer in case.writers:
                columns[case.name] = placed(case, [row.get(case.name) for row in self.rows.values()])
        WRITERS[self.writer](pa.table(columns), path)

    def values(self, cases: list[TypeCase]) -> dict[str, dict[str, Any]]:
        """Id -> what each field should be (null: not there) or the Letter."""
        written = {case.name: case for case in cases if self.writer in case.writers}
        return {
            doc_id: {
                name: value
                for name, number in row.items()
                if name in written and (value := written[name].expected[number]) is not None
            }
            for doc_id, row in self.rows.items()
        }

    def terms(self, cases: list[TypeCase]) -> list[tuple[str, Json]]:
        """Id and query of each value that can be searched for."""
        written = {case.name: case for case in cases if self.writer in case.writers}
        asked = [
            (doc_id, term(written[name], at))
            for doc_id, row in self.rows.items()
            for name, at in row.items()
            if name in written
        ]
        return [(doc_id, query) for doc_id, query in asked if query is not None]


@dataclass(frozen=True)
class Day:
    """The whole corpus of a day. What a writer cannot write is missing in its file, and null there."""

    files: list[File]
    mode: Mode


@dataclass(frozen=True)
class Story:
    cases: list[TypeCase]
    days: list[Day]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    cases = draw(st.lists(st.sampled_from(CASES), min_size=6, max_size=20, unique_by=lambda case: case.name))
    row = st.fixed_dictionaries({}, optional={case.name: st.integers(0, len(case.values) - 1) for case in cases})
    return Story(cases, draw(st.lists(_days(row), min_size=2, max_size=4)))


def _days(row: st.SearchStrategy[Row]) -> st.SearchStrategy[Day]:
    """The first file has every column, the ids of the two are others."""
    everything = st.builds(File, st.just("pyarrow"), st.dictionaries(st.sampled_from("abcd"), row, min_size=1))
    some = st.builds(File, st.sampled_from(sorted(WRITERS)), st.dictionaries(st.sampled_from("efgh"), row))
    files = st.tuples(everything, some).map(list)
    return st.builds(Day, files, st.sampled_from([Mode.AUTO, Mode.AUTO, Mode.FULL]))


@examples(4)
@given(story=stories())
def test_what_is_read_back_is_the_corpus(plain_cluster: Cluster, story: Story) -> None:
    alias = f"random-{uuid4().hex[:8]}"
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "corpus").mkdir()
        config = real_config(
            alias,
            folder,
            source={"uri": str(folder / "corpus"), "text_template": "{body}"},
            index={"fields": declared_fields(story.cases)},
            limits=GENEROUS,
        )
        try:
            letters: dict[str, str] = {}
            for day in story.days:
                for number, file in enumerate(day.files):
                    file.write(story.cases, folder / "corpus" / f"{number}.parquet")
                letters |= _run(plain_cluster, config, day.mode)
                _check(plain_cluster, config, story.cases, day, letters)
        finally:
            remove_indices(plain_cluster, alias)


def _run(cluster: Cluster, config: CorpusConfig, mode: Mode) -> dict[str, str]:
    """One day up to the switch; gives its dead letters."""
    plan = planned(cluster, config, mode)
    if plan.kind is BuildKind.NOTHING:
        return {}
    built(cluster, config, plan)
    store = Store(config.store)
    return {
        str(letter.id): letter.reason for file in letters_files(store, plan) for letter in read_letters(store, file)
    }


def _check(cluster: Cluster, config: CorpusConfig, cases: list[TypeCase], day: Day, letters: dict[str, str]) -> None:
    expected = {doc_id: row for file in day.files for doc_id, row in file.values(cases).items()}
    lost = {doc_id for doc_id, row in expected.items() if any(isinstance(value, Letter) for value in row.values())}
    for doc_id in lost:
        reasons = [(f"'{name}'", each.reason) for name, each in expected[doc_id].items() if isinstance(each, Letter)]
        assert any(name in letters[doc_id] and reason in letters[doc_id] for name, reason in reasons), letters[doc_id]
    found = documents(cluster, config.alias)
    names = {case.name for case in cases}
    assert {
        doc_id: {name: repr(value) for name, value in source.items() if name in names}
        for doc_id, source in found.items()
    } == {
        doc_id: {name: repr(value) for name, value in row.items()}
        for doc_id, row in expected.items()
        if doc_id not in lost
    }
    terms = [each for file in day.files for each in file.terms(cases) if each[0] not in lost]
    assert _missed(cluster, config, terms) == []


def _missed(cluster: Cluster, config: CorpusConfig, terms: list[tuple[str, Json]]) -> list[tuple[str, Json]]:
    """Those that a search for the value does not find."""
    if not terms:
        return []
    lines = [line for _, query in terms for line in ({}, {"size": 100, "_source": False, "query": {"term": query}})]
    body = b"".join(orjson.dumps(line) + b"\n" for line in lines)
    answers = cluster.request("POST", f"/{config.alias}/_msearch", body)["responses"]
    found = [{hit["_id"] for hit in answer["hits"]["hits"]} for answer in answers]
    return [each for each, ids in zip(terms, found, strict=True) if each[0] not in ids]
