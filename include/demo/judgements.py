"""Queries and graded judgements: their format on disk and how to read it. See README.md for the protocol."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_CORPORA_DIR = Path(__file__).with_name("corpora")


class Split(StrEnum):
    """Train queries use wordings that training pairs with all others; held-out queries use the remaining ones."""

    TRAIN = "train"
    HELD_OUT = "heldout"


class WordingPair(StrEnum):
    """How a query's words relate to those of a relevant document.

    SAME: they share at least one concept's words. TRAINED: they share none, and training saw at least one of the
    pairs. HELD_OUT: they share none, and training saw no pair side by side.
    """

    SAME = "same"
    TRAINED = "trained"
    HELD_OUT = "heldout"


@dataclass(frozen=True)
class Query:
    """A search as a person types it; `wordings` maps each role to "concept: form"."""

    id: str
    text: str
    split: Split
    wordings: Mapping[str, str]


@dataclass(frozen=True)
class Judgement:
    """How well a document answers a query: 3 fully, 2 mostly, 1 the subject only. Unlisted pairs are grade 0."""

    query_id: str
    document_id: str
    grade: int
    wording: WordingPair


def corpus_path(corpus: str) -> Path:
    """The committed Parquet file of a corpus."""
    return _CORPORA_DIR / corpus / f"{corpus}.parquet"


def queries_path(corpus: str) -> Path:
    """The committed queries of a corpus, JSON lines."""
    return _CORPORA_DIR / corpus / "queries.jsonl"


def judgements_path(corpus: str) -> Path:
    """The committed judgements of a corpus, Parquet."""
    return _CORPORA_DIR / corpus / "judgements.parquet"


def golden_folder(corpus: str) -> Path:
    """The committed golden set of a corpus."""
    return _CORPORA_DIR / corpus / "golden"


def load_queries(path: Path, split: Split | None = None) -> list[Query]:
    """Queries of a JSON lines file, in file order; `split` keeps only one kind."""
    records = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    queries = [Query(r["id"], r["text"], Split(r["split"]), r["wordings"]) for r in records]
    return [query for query in queries if split in (None, query.split)]


def load_judgements(path: Path) -> dict[str, list[Judgement]]:
    """Judgements by query id."""
    by_query: dict[str, list[Judgement]] = {}
    for row in pq.read_table(path).to_pylist():
        judgement = Judgement(row["query_id"], row["document_id"], row["grade"], WordingPair(row["wording"]))
        by_query.setdefault(judgement.query_id, []).append(judgement)
    return by_query


def write_queries(path: Path, queries: Iterable[Query]) -> None:
    """One JSON object a line."""
    path.write_text("".join(json.dumps(asdict(query)) + "\n" for query in queries), encoding="utf-8")


def write_judgements(path: Path, judgements: Iterable[Judgement]) -> None:
    """Columns query_id, document_id, grade (int8), wording."""
    pq.write_table(judgement_table(judgements), path, compression="zstd")


def judgement_table(judgements: Iterable[Judgement]) -> pa.Table:
    """The judgements as the table that `write_judgements` writes."""
    schema = pa.schema(
        {"query_id": pa.string(), "document_id": pa.string(), "grade": pa.int8(), "wording": pa.string()}.items()
    )
    return pa.Table.from_pylist([asdict(judgement) for judgement in judgements], schema=schema)
