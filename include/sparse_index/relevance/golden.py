"""Golden sets: what the owner of a corpus asks it, and which documents are good answers.

A golden set is a folder:

    queries.jsonl         one object a line: {"id", "text", "filters"?: ["column=value"], "must"?: [ids], "within"?: 10}
    judgements.parquet    columns query, id, grade; or
    qrels.txt             as TREC writes them: query, a column that nobody reads, document id, grade

Grades are whole numbers: 0 is no answer, more is better, a pair that is not listed counts 0. A query with `must` is a
*canary*: each of these documents has to be among its first `within` hits. A query has judgements, or `must`, or both.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from sparse_index.config.gate import GateConfig
from sparse_index.errors import ConfigError, CorpusError
from sparse_index.query.filters import filter_queries

QUERIES, JUDGEMENTS, QRELS = "queries.jsonl", "judgements.parquet", "qrels.txt"
_COLUMNS = ["query", "id", "grade"]
_Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Grades = Mapping[str, int]


class GoldenQuery(BaseModel):
    """One line of queries.jsonl. `within`: a rank, 1 is the first hit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: _Words
    text: _Words
    filters: tuple[str, ...] = ()
    must: tuple[_Words, ...] = ()
    within: int = Field(default=10, ge=1)


@dataclass(frozen=True)
class GoldenSet:
    """`judgements`: query id -> document id -> grade, of judged queries only; each has a document with a grade above 0."""

    queries: Sequence[GoldenQuery]
    judgements: Mapping[str, Grades]

    @property
    def canaries(self) -> list[GoldenQuery]:
        """Queries that must return given documents."""
        return [query for query in self.queries if query.must]

    @property
    def judged_documents(self) -> list[str]:
        """Ids of all that have a grade, in order."""
        return sorted({id_ for grades in self.judgements.values() for id_ in grades})

    @property
    def required_documents(self) -> list[str]:
        """Ids of all that a canary must find, in order."""
        return sorted({id_ for query in self.canaries for id_ in query.must})


class _Judgement(NamedTuple):
    """As read, with the place it was read at."""

    place: str
    query: Any
    id: Any
    grade: Any


def read_golden(folder: Path) -> GoldenSet:
    """CorpusError for a file that cannot be read; ConfigError, with file and line, for what contradicts the format or itself."""
    queries = _queries(folder / QUERIES)
    judgements = _by_query(_judgements(folder), {query.id for query in queries})
    for query in queries:
        _require_an_answer(folder, query, judgements.get(query.id))
    return GoldenSet(tuple(queries), MappingProxyType(judgements))


def golden_of(gate: GateConfig) -> GoldenSet | None:
    """What the corpus' gate asks; None where the file names no folder. ConfigError for one that is not there: a gate that asks
    nothing would let everything pass. Else errors as `read_golden`."""
    if gate.golden is None:
        return None
    folder = Path(gate.golden)
    if not folder.exists():
        raise ConfigError(
            f"{folder} (gate.golden) is not there on {socket.gethostname()}: correct the name, or give every worker that folder. "
            "Leave gate.golden out where no query is to be asked."
        )
    return read_golden(folder)


def require_answerable(golden: GoldenSet, index: str, mapping: Mapping[str, Any], vectors: Collection[str]) -> None:
    """ConfigError for a query whose filters an index with this mapping cannot answer. `vectors`: names of the vector fields."""
    for query in golden.queries:
        try:
            filter_queries(query.filters, mapping, vectors)
        except ConfigError as error:
            raise ConfigError(
                f"gate.golden, query '{query.id}', asked of {index}: {error.message} The filter of a new field goes in when an "
                "index that has it is live."
            ) from error


def write_queries(path: Path, queries: Iterable[GoldenQuery]) -> None:
    """JSON lines, without what is as by default. ConfigError when the file is there: somebody may have edited it."""
    lines = (query.model_dump_json(exclude_defaults=True) + "\n" for query in queries)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.writelines(lines)
    except FileExistsError as error:
        raise ConfigError(
            f"{path} is there already, and may have been edited. Name another folder, or move it."
        ) from error


def _queries(path: Path) -> list[GoldenQuery]:
    queries: dict[str, GoldenQuery] = {}
    for place, line in _lines(path):
        query = _query(place, line)
        if query.id in queries:
            raise ConfigError(f"{place}: query '{query.id}' stands there twice. Ids are its own: rename or remove one.")
        queries[query.id] = query
    if not queries:
        raise ConfigError(f"{path} holds no query. Write one a line, or let `golden` write a first set.")
    return list(queries.values())


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Lines that are not blank, each with its place."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # splitlines() knows breaks that JSON leaves in a text
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} cannot be read: {error}. A golden set has its queries in {QUERIES}.") from error
    return ((f"{path}, line {number}", line) for number, line in enumerate(lines, start=1) if line.strip())


def _query(place: str, line: str) -> GoldenQuery:
    try:
        return GoldenQuery.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{place}: {f'{key}: ' if key else ''}{first['msg']}. Write what is meant.") from error


def _judgements(folder: Path) -> Iterator[_Judgement]:
    table, qrels = folder / JUDGEMENTS, folder / QRELS
    if table.exists() and qrels.exists():
        raise ConfigError(f"{folder} has {JUDGEMENTS} and {QRELS}. Keep the one that is meant.")
    if table.exists():
        return _of_table(table)
    return _of_qrels(qrels) if qrels.exists() else iter(())


def _of_table(path: Path) -> Iterator[_Judgement]:
    try:
        rows = pq.read_table(path).select(_COLUMNS).to_pylist()
    except KeyError as error:
        raise ConfigError(f"{path} lacks a column ({error.args[0]}). It needs {', '.join(_COLUMNS)}.") from error
    except (OSError, pa.ArrowException) as error:
        raise CorpusError(f"{path} cannot be read as Parquet: {error}.") from error
    for number, row in enumerate(rows, start=1):
        yield _Judgement(f"{path}, row {number}", row["query"], row["id"], row["grade"])


def _of_qrels(path: Path) -> Iterator[_Judgement]:
    for place, line in _lines(path):
        fields = line.split()
        if len(fields) != 4:
            raise ConfigError(f"{place}: {len(fields)} fields instead of 4. Write: query 0 document grade.")
        yield _Judgement(place, fields[0], fields[2], fields[3])


def _by_query(found: Iterable[_Judgement], known: set[str]) -> dict[str, Grades]:
    judgements: dict[str, dict[str, int]] = {}
    for judgement in found:
        query, id_ = str(judgement.query), str(judgement.id)
        if None in (judgement.query, judgement.id):
            raise ConfigError(f"{judgement.place}: without query or id. Fill it in or remove it.")
        if query not in known:
            raise ConfigError(f"{judgement.place}: query '{query}' is not in {QUERIES}. Add it there or remove this.")
        grades = judgements.setdefault(query, {})
        if id_ in grades:
            raise ConfigError(f"{judgement.place}: document '{id_}' is judged twice for query '{query}'. Keep one.")
        grades[id_] = _grade(judgement)
    return {query: MappingProxyType(grades) for query, grades in judgements.items()}


def _grade(judgement: _Judgement) -> int:
    """A whole number may be written as a float: a column with a gap makes pandas do so."""
    try:
        grade = float(judgement.grade)
    except (TypeError, ValueError):
        grade = -1.0
    if grade < 0 or not grade.is_integer():
        raise ConfigError(
            f"{judgement.place}: grade {judgement.grade} of document '{judgement.id}' for query '{judgement.query}'. Grades "
            "are whole numbers from 0 (no answer) up."
        )
    return int(grade)


def _require_an_answer(folder: Path, query: GoldenQuery, grades: Grades | None) -> None:
    if grades is None and not query.must:
        raise ConfigError(f"{folder}: query '{query.id}' has no judgement and no `must`. Judge it or remove it.")
    if grades is not None and not any(grades.values()):
        raise ConfigError(
            f"{folder}: no judged document of query '{query.id}' has a grade above 0, so nothing can be measured with it. "
            "Judge a right answer or remove its judgements."
        )
    if len(query.must) > query.within:
        raise ConfigError(f"{folder}: query '{query.id}' wants {len(query.must)} documents within rank {query.within}.")
