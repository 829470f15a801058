"""What the candidate holds, proven by content: documents are read back and compared with the corpus, field by field.

A count cannot see an ingest pipeline that masks a field, or a person who corrected documents of the live index by hand.
Documents that this build wrote are compared with the very JSON that was sent, vector included: all of them in a small
build, else a sample. What a clone took over from the live index is sampled as well, but for its vectors: those were
compared when they were written. Which documents are chosen follows from the build id.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import duckdb

from sparse_index.builds.folder import letters_files
from sparse_index.builds.plan import BuildKind, Part, Plan
from sparse_index.cluster.client import Cluster, Json
from sparse_index.errors import BuildError
from sparse_index.index.bulk import Write
from sparse_index.index.documents import PartWrites, without_vectors
from sparse_index.live.attached import observe_attached
from sparse_index.live.reading import searched
from sparse_index.store.files import Store
from sparse_index.store.layout import PARTS, final_manifest_path
from sparse_index.store.manifests import rows_of
from sparse_index.store.sql import connect, copy_to, literal, parquet
from sparse_index.timing import Now

_EXAMPLES = 3
_SHOWN_CHARS = 60
_READ_AT_ONCE = 10
_NOTHING = object()


@dataclass(frozen=True)
class _Sample:
    """Up to `all_up_to` documents all are taken, else `documents` from `row_groups` of the corpus: one row costs the
    reading of its row group up to there."""

    name: str
    all_up_to: int
    documents: int
    row_groups: int


WRITTEN = _Sample("written", all_up_to=1_000, documents=500, row_groups=16)
UNCHANGED = _Sample("unchanged", all_up_to=100, documents=100, row_groups=4)


@dataclass(frozen=True)
class Mismatch:
    """`field`: its full name, `text_sparse.token` for a weight; empty when the document is not there at all."""

    id: str
    field: str
    index: Any
    corpus: Any

    def __str__(self) -> str:
        if not self.field:
            return f"{self.id} is not there"
        return f"{self.id} has {self.field} {_shown(self.index)}, the corpus says {_shown(self.corpus)}"


def require_same_content(cluster: Cluster, store: Store, plan: Plan, now: Now) -> None:
    """BuildError that names documents, fields and both values; the candidate is refreshed, its final manifest written."""
    with connect(store) as con:
        written = _chosen(con, store, plan, WRITTEN, _written_query(store, plan))
        unchanged = _chosen(con, store, plan, UNCHANGED, _unchanged_query(store, plan))
    problems = list(islice(_mismatches(cluster, plan, PartWrites(store, plan, written, now)), _EXAMPLES))
    if problems:
        raise BuildError(_message(plan, problems, "Something changes documents on their way into the index."))
    fields_only = without_vectors(store, plan, unchanged)
    problems = list(islice(_mismatches(cluster, plan, fields_only, plan.config.vector_fields), _EXAMPLES))
    if problems:
        cause = f"This build did not write them: they were changed in {plan.live_index}, from which it was cloned."
        raise BuildError(_message(plan, problems, f"{cause} Run with mode full, which writes every document anew."))


def _message(plan: Plan, problems: list[Mismatch], cause: str) -> str:
    found = "; ".join(f"document {problem}" for problem in problems)
    return f"{plan.candidate} does not hold what the corpus says: {found}. {cause} Nothing was promoted."


_ROW = "'index' AS op, id, file, file_version, row_group, row, text_hash, row_hash, passages"


def _written_query(store: Store, plan: Plan) -> str:
    letters = letters_files(store, plan, ["index"])
    refused = f"ANTI JOIN {parquet(store, letters)} refused USING (id)" if letters else ""
    return f"SELECT {_ROW} FROM {_parts(store, plan)} {refused} WHERE op = 'index'"


def _unchanged_query(store: Store, plan: Plan) -> str:
    """Of a feed only what came again in this run: earlier files may have changed since."""
    if plan.kind is not BuildKind.DELTA or not plan.scans:
        return f"SELECT {_ROW} FROM {_parts(store, plan)} WHERE false"
    kept = rows_of(store, [final_manifest_path(plan.alias, plan.build_id)])
    scanned = f"(SELECT DISTINCT file, file_version FROM {parquet(store, plan.scans)})"
    read = f"SEMI JOIN {scanned} scanned USING (file, file_version)" if plan.config.kind == "feed" else ""
    return f"SELECT {_ROW} FROM {kept} kept {read} ANTI JOIN {_parts(store, plan)} written USING (id) WHERE NOT deleted"


def _parts(store: Store, plan: Plan) -> str:
    return rows_of(store, [part.path for part in plan.index_parts])


def _chosen(con: duckdb.DuckDBPyConnection, store: Store, plan: Plan, sample: _Sample, rows: str) -> Part:
    """The chosen rows as a part of its own, in the order of the corpus."""
    con.execute(f"CREATE TEMP VIEW {sample.name} AS {rows}")
    chosen = sample.name if _count(con, sample.name) <= sample.all_up_to else f"({_some(plan, sample)})"
    part = Part(number=0, path=f"{plan.folder}/{PARTS}/content-{sample.name}.parquet", items=_count(con, chosen))
    copy_to(con, store, f"FROM {chosen} ORDER BY file, row_group, row", part.path)
    return part


def _some(plan: Plan, sample: _Sample) -> str:
    seed = literal(plan.build_id)
    groups = f"SELECT DISTINCT file, row_group FROM {sample.name}"
    few = f"FROM ({groups}) ORDER BY hash(file, row_group, {seed}) LIMIT {sample.row_groups}"
    from_few = f"FROM {sample.name} SEMI JOIN ({few}) few USING (file, row_group)"
    return f"{from_few} ORDER BY hash(id, {seed}) LIMIT {sample.documents}"


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def _mismatches(
    cluster: Cluster, plan: Plan, expected: Iterable[Write], unasked: Iterable[str] = ()
) -> Iterator[Mismatch]:
    """In the order of the corpus; of a document the first one. `unasked`: fields that are not compared."""
    documents = iter(expected)
    at_once = min(_READ_AT_ONCE, observe_attached(cluster, plan.candidate).largest_page)
    while some := list(islice(documents, at_once)):
        there = _read(cluster, plan.candidate, [document.id for document in some])
        for document in some:
            found = there.get(document.id)
            if found is None:
                yield Mismatch(document.id, "", None, None)
                continue
            found = {name: value for name, value in found.items() if name not in unasked}
            yield from islice(_unequal(document.id, found, json.loads(document.document)), 1)


def _read(cluster: Cluster, index: str, ids: list[str]) -> dict[str, Json]:
    """Id -> `_source`."""
    body = {"query": {"ids": {"values": ids}}, "size": len(ids), "_source": True}
    return {hit["_id"]: hit.get("_source", {}) for hit in searched(cluster, index, body)["hits"]["hits"]}


def _unequal(document_id: str, index: Json, corpus: Json, path: str = "") -> Iterator[Mismatch]:
    for name in [*corpus, *(name for name in index if name not in corpus)]:
        there, here = index.get(name, _NOTHING), corpus.get(name, _NOTHING)
        if isinstance(there, dict) and isinstance(here, dict):
            yield from _unequal(document_id, there, here, f"{path}{name}.")
        elif _json(there) != _json(here):
            yield Mismatch(document_id, f"{path}{name}", there, here)


def _json(value: Any) -> str:
    """1, 1.0 and true are three values here, which Python takes for one; integers may have any size."""
    return "nothing" if value is _NOTHING else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _shown(value: Any) -> str:
    text = _json(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
